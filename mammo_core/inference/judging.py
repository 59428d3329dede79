"""A checkpoint judged on images it did not learn from, and the result kept beside its card."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import JudgeConfig, PrepareSettings
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.predictions import predictions_table
from mammo_core.datasets.prepared import cache_of
from mammo_core.datasets.splits import judged_images, whole_groups
from mammo_core.errors import TableError
from mammo_core.explain import fidelity
from mammo_core.explain.methods import get_method
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import Engine, torch_engine
from mammo_core.inference.heatmap_marks import judge_heatmap_marks
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Cases, Pooling, pool_cases
from mammo_core.metrics.compare import auc_difference
from mammo_core.metrics.paired_rates import rate_difference
from mammo_core.metrics.uncertainty import Rate, auc_with_interval, rate_with_interval
from mammo_core.partners import has_seat, of_own_place, seats_of
from mammo_core.preprocessing import changes
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.measured import (
    AS_IN_COMPARE,
    BREAST_BLANKED,
    AtThreshold,
    Fidelity,
    Froc,
    Share,
    StressResult,
    StressTest,
    add_fidelity,
    add_stress,
)
from mammo_core.runs.operating_points import LockedPoint, point_in_force
from mammo_core.scores import probabilities_of
from mammo_core.tables import positive_of
from mammo_core.types import Level, Mammogram, Pixels, Report, Task, View
from mammo_core.zoo.published import slots_of

#: A mammogram as a model with these settings sees it.
See = Callable[[Mammogram, PrepareSettings], Pixels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One way in which an image might have come. To add one, add one entry."""

    name: str
    title: str
    see: See


def _changed(change: Callable[[Mammogram], Mammogram]) -> See:
    return lambda mammogram, settings: prepare(change(mammogram), settings).pixels


CHANGES: Final = (
    Change(name=BREAST_BLANKED, title="Breast taken out", see=changes.prepared_without_breast),
    Change(
        name="background_blanked",
        title="Background made black",
        see=_changed(changes.without_background),
    ),
    Change(name="letters_removed", title="Letters removed", see=_changed(changes.without_letters)),
    Change(name="mirrored", title="Mirrored", see=_changed(changes.mirrored)),
    Change(
        name="window_wider",
        title="Window 20 % wider",
        see=_changed(partial(changes.windowed, width=1.2)),
    ),
    Change(
        name="window_narrower",
        title="Window 20 % narrower",
        see=_changed(partial(changes.windowed, width=0.8)),
    ),
    Change(name="jpeg_80", title="JPEG 80", see=_changed(partial(changes.compressed, quality=80))),
    Change(name="half_resolution", title="Half resolution", see=_changed(changes.halved)),
    Change(
        name="rotated_5",
        title="Rotated by 5 degrees",
        see=_changed(partial(changes.rotated, degrees=5.0)),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stressed:
    """Predictions of the same images as they are and after every change, by its name."""

    as_they_are: pd.DataFrame
    changed: dict[str, pd.DataFrame]


def stress(
    engine: Engine,
    card: ModelCard,
    dataset: Dataset,
    *,
    most: int,
    seed: int,
    report: Report = lambda _done, _total, _message: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Stressed | None:
    """Scores under every change, of the rows `rows_to_stress` draws among those that the model has
    a place for; None where it was stopped.
    """
    slots = slots_of(card.model)
    seated = dataset.manifest[has_seat(dataset.manifest, slots)]
    rows = rows_to_stress(seated, card.task, most=most, seed=seed)
    paths = [dataset.root / str(path) for path in rows["path"]]
    told = cache_of(card.prepare, dataset.root, rows).views
    views, classes = card.model.views, len(card.task.classes)
    seats = seats_of(rows, views, slots)

    @lru_cache(maxsize=4)  # a breast's two views follow each other, and each is the other's partner
    def seen_at(row: int) -> NDArray[np.float32]:
        return _seen_in_every_way(dataset.root, paths[row], card.prepare, view=told.get(paths[row]))

    found = []
    for number in range(len(paths)):
        if should_stop():
            return None
        seen = seen_at(number)
        if views > 1:  # all views come changed
            seen = np.stack([seen_at(int(row)) for row in seats.rows[number]], axis=1)
        own = np.repeat(seats.own[number], len(seen))
        logits = of_own_place(engine.run(seen).logits, classes=classes, own=own)
        found.append(probabilities_of(logits))
        report(number + 1, len(rows), f"Under stress: {number + 1} of {len(rows)}")
    by_way = np.stack(found, axis=1)  # (ways, images, classes)
    tables = [
        predictions_table(
            rows,
            probabilities,
            task=card.task,
            dataset=dataset.adapter.name,
            model_id=card.model_id,
            engine=engine.name,
        )
        for probabilities in by_way
    ]
    names = [change.name for change in CHANGES]
    return Stressed(as_they_are=tables[0], changed=dict(zip(names, tables[1:], strict=True)))


def _seen_in_every_way(
    root: Path, path: Path, settings: PrepareSettings, *, view: View | None
) -> NDArray[np.float32]:
    """As it is, and after every change; of the `view` that the data set tells, where it does."""
    mammogram = read_mammogram(path, inside=root)
    if view is not None:
        mammogram = mammogram.with_ref(replace(mammogram.ref, view=view))
    changed = [change.see(mammogram, settings) for change in CHANGES]
    return np.stack([prepare(mammogram, settings).pixels, *changed])


def summarise(
    stressed: Stressed,
    point: LockedPoint | None,
    *,
    dataset: str,
    split: str,
    seed: int,
    measured_at: str,
    card_sha256: str,
) -> StressTest:
    """What the changes did, as a record to be kept beside the card."""
    before = pool_cases(stressed.as_they_are, Level.IMAGE)
    auc = auc_with_interval(before)
    usable = as_given(point)
    judge = None if usable is None else _Judge(point=usable, before=stressed.as_they_are)
    return StressTest(
        dataset=dataset,
        split=split,
        images=len(before),
        positive_images=before.positives,
        women=before.group_count,
        engine=str(stressed.as_they_are["engine"].iloc[0]),
        auc=auc.value,
        auc_low=auc.low,
        auc_high=auc.high,
        level=usable.level if usable else None,
        threshold=usable.threshold if usable else None,
        sensitivity=judge.sensitivity if judge else None,
        results=tuple(
            _result(change, before, stressed.changed[change.name], judge) for change in CHANGES
        ),
        seed=seed,
        measured_at=measured_at,
        card_sha256=card_sha256,
        intervals=AS_IN_COMPARE,
    )


def rows_to_stress(manifest: pd.DataFrame, task: Task, *, most: int, seed: int) -> pd.DataFrame:
    """Labelled images of women with and without a positive one in turn, until there are `most`;
    a woman begun is taken whole.
    """
    labelled = manifest[manifest["label"].notna()]
    is_positive = positive_of(labelled["label"], task).fillna(value=False)
    has_cancer = is_positive.groupby(labelled["group_id"]).any()
    if has_cancer.nunique() < 2:
        raise TableError(
            f"{int(has_cancer.sum())} of {len(has_cancer)} women have a positive image; an AUC "
            "needs women with and without."
        )
    rng = np.random.default_rng(seed)
    ill, well = (rng.permutation(has_cancer.index[has_cancer == side]) for side in (True, False))
    order = {woman: 2 * place for place, woman in enumerate(ill)}
    order |= {woman: 2 * place + 1 for place, woman in enumerate(well)}
    place = labelled["group_id"].map(order)
    return whole_groups(labelled.loc[place.sort_values(kind="stable").index], most=most)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judge:
    """The threshold in force, and what it says of the images as they are."""

    point: LockedPoint
    before: pd.DataFrame

    @property
    def sensitivity(self) -> Share:
        cases = self._cases(self.before)
        return self._found(cases, cases.score >= self.point.threshold)

    def verdicts_on(self, after: pd.DataFrame) -> AtThreshold:
        """What has become of them."""
        cases, changed = self._cases(self.before), self._cases(after)
        called, called_now = (one.score >= self.point.threshold for one in (cases, changed))
        among = cases.positive
        difference = rate_difference(called_now[among], called[among], cases.groups[among])
        return AtThreshold(
            sensitivity=self._found(cases, called_now),
            sensitivity_change=difference.value,
            change_low=difference.low,
            change_high=difference.high,
            flipped=_share(rate_with_interval(called != called_now, cases.groups)),
        )

    def _cases(self, predictions: pd.DataFrame) -> Cases:
        return pool_cases(predictions, self.point.level, Pooling(self.point.pooling))

    def _found(self, cases: Cases, called: NDArray[np.bool_]) -> Share:
        return _share(rate_with_interval(called[cases.positive], cases.groups[cases.positive]))


def _result(
    change: Change, before: Cases, after: pd.DataFrame, judge: _Judge | None
) -> StressResult:
    cases = pool_cases(after, Level.IMAGE)
    auc, difference = auc_with_interval(cases), auc_difference(cases, before)
    return StressResult(
        name=change.name,
        title=change.title,
        auc=auc.value,
        auc_low=auc.low,
        auc_high=auc.high,
        auc_change=difference.value,
        change_low=difference.low,
        change_high=difference.high,
        verdicts=judge.verdicts_on(after) if judge else None,
    )


def _share(rate: Rate) -> Share:
    has_interval = bool(np.isfinite(rate.low))
    return Share(
        count=rate.count,
        total=rate.total,
        low=rate.low if has_interval else None,
        high=rate.high if has_interval else None,
    )


def judge(
    config: JudgeConfig,
    run: RunFolder,
    *,
    now: str,
    device: str = "cpu",
    report: Report,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fidelity | Froc | StressTest | None:
    """What `config` asks of the checkpoint in `run`; `now` is ISO 8601, UTC. None, and nothing
    kept, where it was stopped.
    """
    if config.kind == "froc":
        return judge_heatmap_marks(
            config, run, now=now, device=device, report=report, should_stop=should_stop
        )
    checkpoint = load_checkpoint(run.path, device=device)
    method = get_method(config.method) if config.kind == "explain_check" else None
    dataset, name, split = judged_images(run, checkpoint.card, config)
    if method is not None:
        table = fidelity.check_fidelity(
            fidelity.Explained(model=checkpoint.model, card=checkpoint.card, method=method),
            dataset,
            most=config.images,
            seed=config.seed,
            report=report,
            should_stop=should_stop,
        )
        if table is None:
            return None
        heatmaps = fidelity.summarise(
            table,
            method=method.name,
            dataset=name,
            split=split,
            seed=config.seed,
            measured_at=now,
            card_sha256=card_hash(run),
        )
        add_fidelity(run, heatmaps)
        return heatmaps
    stressed = stress(
        torch_engine(checkpoint),
        checkpoint.card,
        dataset,
        most=config.images,
        seed=config.seed,
        report=report,
        should_stop=should_stop,
    )
    if stressed is None:
        return None
    scores = summarise(
        stressed,
        point_in_force(run),
        dataset=name,
        split=split,
        seed=config.seed,
        measured_at=now,
        card_sha256=card_hash(run),
    )
    add_stress(run, scores)
    return scores
