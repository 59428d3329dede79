"""A card counted again from the data by one command: the scores of its women, its results,
thresholds, baselines, stress test and heatmaps; held against what is kept, or written in its place.
"""

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.config import JudgeConfig
from mammo_core.datasets.baselines import PREFIX
from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.errors import CheckpointError, MammoError, RunError
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import torch_engine
from mammo_core.inference.judging import Stressed, judge, stress, summarise
from mammo_core.inference.locking import lock_by_aim
from mammo_core.inference.verdict import point_to_lock
from mammo_core.metrics.cases import Pooling, pool_cases
from mammo_core.metrics.compare import auc_difference, in_order_of, says_one_thing
from mammo_core.metrics.threshold import Aim
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.records import to_document
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import BASELINES_NAME, RunFolder, card_hash
from mammo_core.runs.measured import (
    FIDELITY_FILE,
    STRESS_FILE,
    add_stress,
    fidelity_of,
    stress_of,
)
from mammo_core.runs.operating_points import (
    AS_GIVEN,
    MODEL_POINTS_FILE,
    POINTS_FILE,
    LockedPoint,
    lock_point,
    locked_points,
    point_in_force,
    unlock_point,
)
from mammo_core.shipping.packing import dealt_folds, measure_packed, scored_by
from mammo_core.training.baselines import write_baselines
from mammo_core.training.lineage import find_images
from mammo_core.training.outcome import measure_all
from mammo_core.types import Level, Report, Split
from mammo_core.zoo.committee import stand_up

#: Locked where a card is written, the one in force last.
AIMS: Final = (
    (Aim.YOUDEN, 0.0, False),
    (Aim.SPECIFICITY, 0.9, True),
    (Aim.SPECIFICITY, 0.9, False),
    (Aim.SENSITIVITY, 0.9, True),
    (Aim.SENSITIVITY, 0.9, False),
)
STRESSED: Final = 80  # images of each fold
MARKED: Final = 40  # images with a lesion: each is asked dozens of times
#: Guesses that say nothing need not travel; of the others what cases are counted by.
_DULL: Final = (f"{PREFIX}majority", f"{PREFIX}random")
_LEFT_OUT: Final = ("density", "birads", "age", "site", "machine", "lesion", "implant")
#: Two computers round differently; what differs more was not counted from these data.
TOLERANCE: Final = 2e-3
_OF_THE_DAY: Final = ("measured_at", "locked_at", "card_sha256", "seconds", "engine")
OUT_OF_FOLD: Final = "out of fold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """A number of the card as it is kept and as it was counted now; None where it is missing."""

    name: str
    kept: float | None
    found: float | None

    @property
    def is_same(self) -> bool:
        if self.kept is None or self.found is None:
            return False
        return math.isclose(self.kept, self.found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the data lie: what the checkpoint was trained on, and a set with marked lesions."""

    folder: str | None = None  # None: as its settings name it
    boxes: str | None = None  # None: no heatmaps are held against lesions
    box_rule: str | None = None
    pooling: Pooling | None = None  # how a case's images make its score at thresholds locked first


def recount(
    run: RunFolder, sources: Sources, *, is_written: bool, now: str, report: Report
) -> list[Recounted]:
    """Count in a copy of the folder; what differs from `run` comes back, and where it `is_written`
    the copy takes its place. Heatmaps are counted again where a set with lesions is named.
    """
    if run.card().patches:
        raise CheckpointError(
            f"{run.run_id} has learnt patches of images; what it finds is counted by `mammo "
            f"find-lesions {run.run_id}`."
        )
    if is_written and sources.boxes is None and fidelity_of(run):
        raise RunError(
            f"{run.run_id} has heatmaps that were held against marked lesions. Name that set with "
            "--boxes, or they would be lost."
        )
    with tempfile.TemporaryDirectory() as scratch:
        copy = RunFolder(Path(scratch) / run.run_id)
        shutil.copytree(run.path, copy.path)
        _count(copy, sources, is_first=is_written, now=now, report=report)
        figures = list(compare(run, copy, has_heatmaps=sources.boxes is not None))
        if is_written:
            for file in copy.path.iterdir():
                shutil.copyfile(file, run.file(file.name))
            if not copy.file(POINTS_FILE).exists():
                run.file(POINTS_FILE).unlink(missing_ok=True)
    return figures


def _count(run: RunFolder, sources: Sources, *, is_first: bool, now: str, report: Report) -> None:
    """Card first, then the thresholds, then what is measured at them."""
    kept, is_unlocked = locked_points(run), point_in_force(run) is None
    for name in (MODEL_POINTS_FILE, POINTS_FILE, STRESS_FILE, FIDELITY_FILE):
        run.file(name).unlink(missing_ok=True)
    if run.card().model.members > 1:
        measure_packed(run, folder=sources.folder, report=report)
        _baselines_out_of_fold(run, sources, report=report)
        _tell_of_guesses(run)
    else:
        _measure_single(run, sources, report=report)
    if kept:
        _lock_again(run, kept)
        if is_unlocked:
            unlock_point(run, now=now)
    elif is_first:
        _lock_first(run, sources.pooling, now=now)
    _stress(run, sources, now=now, report=report)
    if sources.boxes is not None:
        config = JudgeConfig(
            kind="explain_check",
            checkpoint=run.run_id,
            folder=sources.boxes,
            label_rule=sources.box_rule,
            images=MARKED,
        )
        judge(config, run, now=now, report=report)


def _lock_first(run: RunFolder, rule: Pooling | None, *, now: str) -> None:
    for aim, target, is_conservative in AIMS:
        with suppress(MammoError):  # not every aim can be met on every set of women
            lock_by_aim(
                run,
                aim,
                target,
                level=None,
                is_conservative=is_conservative,
                now=now,
                rule=rule,
                comes_with_model=True,
            )


def _lock_again(run: RunFolder, kept: Sequence[LockedPoint]) -> None:
    """Every threshold as it was locked, with what it does to the scores counted now."""
    table, card = read_predictions(run.predictions_file), card_hash(run)
    for point in kept:
        again = replace(point, card_sha256=card)
        if point.calibration == AS_GIVEN:
            rows = table[table["split"].fillna("") == point.split]
            again = point_to_lock(
                pool_cases(rows, point.level, Pooling(point.pooling)),
                point.threshold,
                split=point.split,
                aim=point.aim,
                locked_at=point.locked_at,
                card_sha256=card,
            )
        lock_point(run, replace(again, comes_with_model=point.comes_with_model))


def _measure_single(run: RunFolder, sources: Sources, *, report: Report) -> None:
    """The validation and test images of one network, scored again."""
    checkpoint = load_checkpoint(run.path)
    own = find_images(run, folder=sources.folder, report=report)
    tables = [
        scored_by(
            checkpoint,
            own.dataset,
            own.splits[split].manifest,
            doing=f"Scoring {split}",
            report=report,
        )
        for split in (Split.VAL, Split.TEST)
    ]
    table = pd.concat(tables, ignore_index=True)
    write_predictions(table, run.predictions_file)
    write_card(
        replace(checkpoint.card, metrics=measure_all(table, Split.TEST, own.config.task)),
        run.card_file,
    )
    write_baselines(run, own.dataset, own.config, report=report, should_stop=_never)


def _never() -> bool:
    return False


def _baselines_out_of_fold(run: RunFolder, sources: Sources, *, report: Report) -> None:
    """Each woman guessed at by what was fitted on the women of the other folds."""
    parts = []
    for fold, (own, dataset) in enumerate(dealt_folds(run, sources.folder)):
        write_baselines(run, dataset, own, report=report, should_stop=_never)
        fitted = read_predictions(run.file(BASELINES_NAME))
        parts.append(fitted[fitted["split"] == Split.TEST].assign(fold=fold))
    table = pd.concat(parts, ignore_index=True)
    told = [
        name
        for name in map(str, table.columns)
        if not (name in _LEFT_OUT or name.startswith("after_"))
    ]
    table = table.loc[~table["model_id"].isin(_DULL), told].assign(
        split=None, dataset=run.card().data.dataset
    )
    write_predictions(table, run.file(BASELINES_NAME))


_BLIND: Final = "Not shown to see more"


def _tell_of_guesses(run: RunFolder) -> None:
    """Where the scores have not been shown to lead what age, density, site and machine tell, the
    card says so beside every score.
    """
    card, table = run.card(), read_predictions(run.file(BASELINES_NAME))
    guessed = table[table["model_id"] == f"{PREFIX}confounders"]
    main = pool_cases(read_predictions(run.predictions_file), Level.IMAGE)
    cases = in_order_of(main, pool_cases(guessed, Level.IMAGE)) if len(guessed) else None
    told = [limit for limit in card.limits if not limit.startswith(_BLIND)]
    if cases is not None and not says_one_thing(cases):
        ours, theirs = auc_with_interval(main), auc_with_interval(cases)
        lead = auc_difference(main, cases)
        if lead.low <= 0.0:
            told.insert(
                0,
                f"{_BLIND} alone, by image, than is known without the image: its AUC is "
                f"{ours.value:.2f} (95 % {ours.low:.2f} to {ours.high:.2f}), that of age, density, "
                f"site and machine {theirs.value:.2f} ({theirs.low:.2f} to {theirs.high:.2f}), a "
                f"lead of {lead.value:+.3f} ({lead.low:+.3f} to {lead.high:+.3f}). What it adds to "
                "them is another question: Thresholds counts that.",
            )
    write_card(replace(card, limits=tuple(told)), run.card_file)


def _stress(run: RunFolder, sources: Sources, *, now: str, report: Report) -> None:
    """Each fold's women through the member that never saw them, then all together."""
    checkpoint = load_checkpoint(run.path)
    card = checkpoint.card
    if card.model.members == 1:
        config = JudgeConfig(kind="stress", checkpoint=run.run_id)
        judge(config, run, now=now, report=report)
        return
    found = []
    for fold, (_, dataset) in enumerate(dealt_folds(run, sources.folder)):
        tested = dataset.manifest[dataset.manifest["split"] == Split.TEST]
        member = torch_engine(replace(checkpoint, model=stand_up(checkpoint.model, fold)))
        under = stress(
            member,
            card,
            replace(dataset, manifest=tested.reset_index(drop=True)),
            most=STRESSED,
            seed=fold,
            report=report,
        )
        assert under is not None  # nobody can ask it to stop
        found.append(under)
    together = Stressed(
        as_they_are=pd.concat([one.as_they_are for one in found], ignore_index=True),
        changed={
            name: pd.concat([one.changed[name] for one in found], ignore_index=True)
            for name in found[0].changed
        },
    )
    measured = summarise(
        together,
        point_in_force(run),
        dataset=card.data.dataset,
        split=OUT_OF_FOLD,
        seed=0,
        measured_at=now,
        card_sha256=card_hash(run),
    )
    add_stress(run, measured)


def compare(kept: RunFolder, found: RunFolder, *, has_heatmaps: bool) -> Iterator[Recounted]:
    """Every number the two folders tell of their card."""
    ours, theirs = (dict(_numbers(one, has_heatmaps=has_heatmaps)) for one in (kept, found))
    for name in dict.fromkeys([*ours, *theirs]):
        yield Recounted(name=name, kept=ours.get(name), found=theirs.get(name))


def _numbers(run: RunFolder, *, has_heatmaps: bool) -> Iterator[tuple[str, float]]:
    card = run.card()
    for metric in card.metrics:
        yield from _flat(to_document(metric), f"{metric.name} by {metric.level}")
    for count in card.data.splits:
        yield from _flat(to_document(count), str(count.split))
    for metric in card.metrics:
        if metric.name == "auc" and metric.value is not None:
            yield from _guessed(run, metric.level)
    yield from _flat({"heatmap_peak": card.heatmap_peak}, "card")
    for point in locked_points(run):
        yield from _flat(to_document(point), f"threshold for {point.aim}")
    for test in stress_of(run):
        yield from _flat(to_document(test), f"stress, {test.dataset}")
    for one in fidelity_of(run) if has_heatmaps else ():
        yield from _flat(to_document(one), f"heatmaps, {one.dataset}")


def _guessed(run: RunFolder, level: Level) -> Iterator[tuple[str, float]]:
    """What the guesses without a network reach on the very cases the card's results are of."""
    if not run.file(BASELINES_NAME).exists():
        return
    table = read_predictions(run.file(BASELINES_NAME))
    tested = table[(table["split"] == Split.TEST).fillna(value=False)]
    for name, guessed in (tested if len(tested) else table).groupby("model_id"):
        found = auc_with_interval(pool_cases(guessed, level))
        for what in ("value", "low", "high"):
            yield f"{name} by {level}: {what}", getattr(found, what)


def _flat(value: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        title = value.get("title") or value.get("name")
        prefix = f"{name}, {title}" if title else name
        for key, inner in value.items():
            if key not in _OF_THE_DAY:
                yield from _flat(inner, f"{prefix}: {key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)
