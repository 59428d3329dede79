"""A card counted again from the data by one command: the scores of its women, its results,
thresholds, baselines, stress test, heatmaps and words; held against what is kept, or written in its
place.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final

import pandas as pd

from mammo_core.config import JudgeConfig, RunConfig
from mammo_core.datasets.baselines import PREFIX
from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.datasets.splits import judged_images, own_test_images
from mammo_core.errors import CheckpointError, MammoError
from mammo_core.explain.fidelity import marked_rows, refuse_places
from mammo_core.files import replace_file
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
    Fidelity,
    StressTest,
    add_stress,
    fidelity_of,
    froc_of,
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
from mammo_core.runs.sidecars import append_record, read_records
from mammo_core.shipping.packing import dealt_folds, measure_packed, scored_by
from mammo_core.shipping.put_back import bind_beside, copy_of, counted_in, hashes_of, put_back
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


CARD_WORDS: Final = "CARD.md"  # the card as `mammo report NAME --card` tells it
_DAY: Final = re.compile(r"\b\d{1,2} [A-Z][a-z]{2} \d{4}\b")
_NUMBER: Final = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?!\w|[.,]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """A number of the card, or a line of its words, as it is kept and as it was counted now; None
    where it is missing.
    """

    name: str
    kept: float | str | None
    found: float | str | None

    @property
    def is_same(self) -> bool:
        """Counts exactly, other numbers but for rounding, words by the letter."""
        kept, found = self.kept, self.found
        if kept is None or found is None:
            return False
        if isinstance(kept, str) or isinstance(found, str):
            return _is_same_line(str(kept), str(found))
        if isinstance(kept, int) and isinstance(found, int):
            return kept == found
        return math.isclose(kept, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the data lie: what the checkpoint was trained on, and a set with marked lesions."""

    folder: str | None = None  # None: as its settings name it
    boxes: str | None = None  # None: heatmaps are not held against lesions again
    box_rule: str | None = None
    pooling: Pooling | None = None  # how a case's images make its score at thresholds locked first


def recount(
    run: RunFolder,
    sources: Sources,
    *,
    is_written: bool,
    now: str,
    report: Report,
    in_words: Callable[[RunFolder], str] | None = None,
) -> list[Recounted]:
    """Count in a copy of the folder; what differs from `run` comes back, and where it `is_written`
    what was counted takes its place. Heatmaps are counted again where a set with lesions is named,
    and the card `in_words` where one is kept.
    """
    _refuse_early(run, sources)
    told = run.file(CARD_WORDS)
    with copy_of(run, is_beside=is_written) as copy:
        before, known = hashes_of(copy), [*_points_in(copy)]
        _count(copy, sources, is_first=is_written, now=now, report=report)
        figures, counted = list(compare(run, copy)), counted_in(copy)
        bind_beside(run, copy, counted=counted, old=before[run.card_file.name])
        if in_words is not None and told.exists():
            words = in_words(copy)
            figures += compare_words(told.read_text(encoding="utf-8", errors="replace"), words)
            replace_file(copy.file(CARD_WORDS), words)
        if is_written:
            _lock_late(run, copy, known)
            put_back(run, copy, counted=counted, before=before)
    return figures


def _refuse_early(run: RunFolder, sources: Sources) -> None:
    """Whatever would stop the count at its end."""
    card = run.card()
    if card.patches:
        raise CheckpointError(
            f"{run.run_id} has learnt patches of images; what it finds is counted by `mammo "
            f"find-lesions {run.run_id}`."
        )
    for read in (locked_points, stress_of, fidelity_of, froc_of):
        read(run)
    config = _box_config(run, sources)
    if config is not None:
        refuse_places(card)
        dataset, _, _ = judged_images(run, card, config)
        marked_rows(dataset, card.task, most=config.images, seed=config.seed)


def _box_config(run: RunFolder, sources: Sources) -> JudgeConfig | None:
    if sources.boxes is None:
        return None
    return JudgeConfig(
        kind="explain_check",
        checkpoint=run.run_id,
        folder=sources.boxes,
        label_rule=sources.box_rule,
        images=MARKED,
    )


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
    config = _box_config(run, sources)
    if config is not None:
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
        lock_point(run, _counted_again(point, table, card=card))


def _counted_again(point: LockedPoint, table: pd.DataFrame, *, card: str) -> LockedPoint:
    if point.calibration != AS_GIVEN:
        return replace(point, card_sha256=card)
    rows = table[table["split"].fillna("") == point.split]
    again = point_to_lock(
        pool_cases(rows, point.level, Pooling(point.pooling)),
        point.threshold,
        split=point.split,
        aim=point.aim,
        locked_at=point.locked_at,
        card_sha256=card,
    )
    return replace(again, comes_with_model=point.comes_with_model, unlocked_at=point.unlocked_at)


def _points_in(run: RunFolder) -> Iterator[tuple[str, LockedPoint]]:
    """Every line of both logs, by the name of the log."""
    for name in (MODEL_POINTS_FILE, POINTS_FILE):
        if run.file(name).exists():
            yield from ((name, point) for point in read_records(run.file(name), LockedPoint))


def _lock_late(run: RunFolder, copy: RunFolder, known: Sequence[tuple[str, LockedPoint]]) -> None:
    """What was locked or unlocked while the count went on is so for what was counted, too."""
    table, card, old = read_predictions(copy.predictions_file), card_hash(copy), card_hash(run)
    for name, point in _points_in(run):
        if point.card_sha256 == old and (name, point) not in known:
            append_record(copy.file(name), _counted_again(point, table, card=card))


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
        asked, own = JudgeConfig(kind="stress", checkpoint=run.run_id), run.settings(RunConfig).data
        dataset = own_test_images(card, replace(own, folder=sources.folder or own.folder))
        alone = stress(
            torch_engine(checkpoint), card, dataset,
            most=asked.images, seed=asked.seed, report=report,
        )  # fmt: skip
        assert alone is not None  # nobody can ask it to stop
        _keep_stress(run, alone, split=Split.TEST, now=now)
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
    _keep_stress(run, together, split=OUT_OF_FOLD, now=now)


def _keep_stress(run: RunFolder, scored: Stressed, *, split: str, now: str) -> None:
    measured = summarise(
        scored,
        point_in_force(run),
        dataset=run.card().data.dataset,
        split=split,
        seed=0,
        measured_at=now,
        card_sha256=card_hash(run),
    )
    add_stress(run, measured)


def compare(kept: RunFolder, found: RunFolder) -> Iterator[Recounted]:
    """Every number the two folders tell of their card, but of what `found` has not measured."""
    ours, theirs = (_told_apart(_numbers(one, measured=found)) for one in (kept, found))
    for name in dict.fromkeys([*ours, *theirs]):
        yield Recounted(name=name, kept=ours.get(name), found=theirs.get(name))


def _told_apart(numbers: Iterable[tuple[str, float]]) -> dict[str, float]:
    """By name; the second of one name has its number behind it."""
    found: dict[str, float] = {}
    for name, value in numbers:
        own, number = name, 1
        while own in found:
            number += 1
            own = f"{name} ({number})"
        found[own] = value
    return found


def _numbers(run: RunFolder, *, measured: RunFolder) -> Iterator[tuple[str, float]]:
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
        yield from _flat(to_document(point), f"threshold for {point.aim} by {point.level}")
    yield from _measured(run, measured)


def _measured(run: RunFolder, measured: RunFolder) -> Iterator[tuple[str, float]]:
    tests = {_called(one) for one in stress_of(measured)}
    for test in stress_of(run):
        if _called(test) in tests:
            yield from _flat(to_document(test), _called(test))
    maps = {_called(one) for one in fidelity_of(measured)}
    for one in fidelity_of(run):
        if _called(one) in maps:
            yield from _flat(to_document(one), _called(one))


def _called(measured: StressTest | Fidelity) -> str:
    what = "stress" if isinstance(measured, StressTest) else f"heatmaps by {measured.method}"
    return f"{what}, {measured.dataset}, {measured.split}"


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
        for number, inner in enumerate(value, start=1):
            is_named = isinstance(inner, dict) and bool(inner.get("title") or inner.get("name"))
            yield from _flat(inner, name if is_named else f"{name} {number}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def compare_words(kept: str, found: str) -> Iterator[Recounted]:
    """Every line of the card in words, but for days, as it is kept and as it would be written."""
    ours, theirs = (_lines_of(text) for text in (kept, found))
    forms, others = ([_form(line) for line in lines] for lines in (ours, theirs))
    matcher = SequenceMatcher(None, forms, others, autojunk=False)
    for _, first, last, start, end in matcher.get_opcodes():
        for one, other in zip_longest(ours[first:last], theirs[start:end]):
            yield Recounted(name=CARD_WORDS, kept=one, found=other)


def _lines_of(text: str) -> list[str]:
    return [_DAY.sub("(day)", line) for line in text.splitlines() if line.strip()]


def _form(line: str) -> str:
    return _NUMBER.sub("#", line)


def _is_same_line(kept: str, found: str) -> bool:
    """The same words; each number as far as its digits tell it, but counts exactly."""
    pairs = zip(_NUMBER.findall(kept), _NUMBER.findall(found), strict=False)
    return _form(kept) == _form(found) and all(_is_same_number(*pair) for pair in pairs)


def _is_same_number(kept: str, found: str) -> bool:
    (_, _, decimals), (_, _, others) = kept.partition("."), found.partition(".")
    if not decimals or len(decimals) != len(others):
        return kept == found
    step = 1.01 * 10.0 ** -len(decimals)  # what is rounded may fall to the other side
    one, other = (float(number.replace(",", "")) for number in (kept, found))
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=max(step, TOLERANCE))
