"""From the scores of images to what they say of a breast and of a woman, against the threshold.

A verdict is given only where the threshold in force was locked: at its level, by its pooling rule.
Anywhere else a threshold means nothing, and the score stands alone.
"""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from mammo_core.metrics.calibration import fit_score_map, map_scores, recalibrate, unmap_score
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.conservative import promised_rate
from mammo_core.metrics.external import Locked
from mammo_core.metrics.threshold import operating_point, was_picked
from mammo_core.metrics.uncertainty import (
    FEWEST_OF_CLASS,
    IntervalMethod,
    Rate,
    effective_cases,
    without_interval,
)
from mammo_core.runs.operating_points import AS_GIVEN, LockedPoint, Promise
from mammo_core.scores import Recalibration, called_classes, mean_of_sum
from mammo_core.types import ImageRef, Laterality, Level, Split, Task
from mammo_core.words import OUTSIDE, UNITS, many

Key = TypeVar("Key", bound=Hashable)

NOT_NORMAL: Final = "That does not mean normal."
BELOW_NOT_NORMAL: Final = "Below does not mean normal."
#: Beside rates that have no interval for it.
PICKED_OF_FEW: Final = (
    "This threshold is the best of all on these cases, so it looks better here than it is; with "
    f"under {FEWEST_OF_CLASS} women with cancer, or without, by how much is not known."
)

_SIDES: Final = {Laterality.RIGHT: "Right breast", Laterality.LEFT: "Left breast"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredImage:
    ref: ImageRef
    title: str
    score: float
    is_outside: bool = False  # what the model knows: no threshold was set on such images
    is_proposed: bool = False  # its file's name tells a side, which nobody has confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCase:
    """One image, breast, exam or woman, and the images its score comes from."""

    level: Level
    title: str
    rule: Pooling
    images: tuple[ScoredImage, ...]
    side: Laterality | None = None  # of a breast

    @property
    def is_outside(self) -> bool:
        return any(image.is_outside for image in self.images)

    @property
    def score(self) -> float:
        """Before the truth is known, the rule of the cancer's own breast is the highest."""
        scores = [image.score for image in self.images]
        if self.rule is Pooling.MEAN:
            return mean_of_sum(np.array([sum(scores)]), np.array([len(scores)])).item()
        return max(scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """On which side of the threshold a case lies. Exactly at it counts as above.

    Where the threshold was locked on re-calibrated scores, `recalibrated` is the case's.
    """

    is_above: bool
    threshold: float  # of scores as the model gives them
    recalibrated: float | None = None

    @property
    def in_words(self) -> str:
        if self.is_above:
            return "Score above the threshold."
        return f"Score below the threshold. {NOT_NORMAL}"


def nouns_of(level: Level) -> str:
    """What many cases of `level` are called."""
    return UNITS[level][1]


def score_cases(images: Sequence[ScoredImage], point: LockedPoint | None) -> list[ScoredCase]:
    """Breasts, then exams, then images. The level of `point` is pooled by its rule, others by the
    highest score. Images of no known exam are taken for one; an image of no known side is in no
    breast.
    """
    woman = Level.PATIENT if point is not None and point.level is Level.PATIENT else Level.EXAM
    exams = _by_key(
        images,
        lambda image: image.ref.patient_id if woman is Level.PATIENT else image.ref.exam_id,
    )
    breasts, women = [], []
    for number, (_, members) in enumerate(exams, start=1):
        of_which = f", {UNITS[woman][0]} {number}" if len(exams) > 1 else ""
        of_side = dict(_by_key(members, lambda image: image.ref.side))
        for side, name in _SIDES.items():  # as they hang: the right breast first
            if side in of_side:
                title = name + of_which
                breasts.append(_pooled(Level.BREAST, title, of_side[side], point, side=side))
        title = f"{UNITS[woman][0].capitalize()}" + (f" {number}" if of_which else "")
        women.append(_pooled(woman, title, members, point))
    alone = [_pooled(Level.IMAGE, image.title, [image], point) for image in images]
    return [*breasts, *women, *alone]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedCase:
    """An image, breast or exam and its class of an ordered task: the median one of `shares`, which
    are means over its images, as they were when agreement with radiologists was measured.
    """

    level: Level
    title: str
    grade: str
    shares: tuple[float, ...]  # in the order of the task's classes


def grade_cases(
    images: Sequence[ScoredImage], probabilities: Mapping[str, Sequence[float]], task: Task
) -> list[GradedCase]:
    """Breasts and exams, then images; `probabilities` of the task's classes by image id."""
    pooled = said_once(score_cases(images, None), None)
    alone = [case for case in score_cases(images, None) if case.level is Level.IMAGE]
    graded = []
    for case in [*pooled, *(one for one in alone if one not in pooled)]:
        rows = [probabilities[image.ref.image_id] for image in case.images]
        shares = np.mean(np.array(rows, dtype=np.float64), axis=0)
        grade = task.classes[int(called_classes(shares[None], task)[0])]
        graded.append(
            GradedCase(
                level=case.level, title=case.title, grade=grade, shares=tuple(shares.tolist())
            )
        )
    return graded


def grade_in_words(graded: GradedCase, task: Task) -> str:
    """ "Density C, as this model sees it (A 0.02, B 0.21, C 0.70, D 0.07)"."""
    pairs = zip(task.classes, graded.shares, strict=True)
    told = ", ".join(f"{name} {share:.2f}" for name, share in pairs)
    return f"{task.name.capitalize()} {graded.grade}, as this model sees it ({told})"


def verdict_on(case: ScoredCase, point: LockedPoint | None) -> Verdict | None:
    """None where no threshold was locked for such cases as the model scores them, and for images
    of a kind the model has never learnt from.
    """
    if point is None or point.level is not case.level or point.pooling != case.rule:
        return None
    if case.is_outside:
        return None
    given = as_given(point)
    if given is None:
        return None
    if point.calibration == AS_GIVEN or point.score_map is None:
        return Verdict(is_above=case.score >= given.threshold, threshold=given.threshold)
    mapped = float(map_scores(np.array([case.score]), point.score_map)[0])
    return Verdict(
        is_above=mapped >= point.threshold, threshold=given.threshold, recalibrated=mapped
    )


def said_of_all(cases: Sequence[ScoredCase], point: LockedPoint | None) -> tuple[str, str]:
    """One sentence for the whole exam and one that must stand beside it; "" where no case is held
    against the threshold. While a breast's image may be missing from its score, the second says so
    and there is no first.
    """
    unplaced = {
        image.ref.image_id: image for case in cases for image in case.images if not image.ref.side
    }
    if unplaced and point is not None and point.level is Level.BREAST:
        unnamed = sum(not image.is_proposed for image in unplaced.values())
        if not unnamed:
            return "", "No verdict yet: sides are proposed from the file names. Confirm them."
        told = many(unnamed, "image has", "images have")
        return "", f"No verdict yet: {told} no side. Set L or R on the image."
    judged = [(case, found) for case in cases if (found := verdict_on(case, point))]
    if not judged:
        return "", ""
    above = [case.title[0].lower() + case.title[1:] for case, found in judged if found.is_above]
    if not above:
        return "Score below the threshold.", NOT_NORMAL
    which = "" if len(judged) == 1 else f": {', '.join(above)}"
    return f"Score above the threshold{which}.", BELOW_NOT_NORMAL * (len(above) < len(judged))


def as_given(point: LockedPoint | None) -> LockedPoint | None:
    """`point` with its threshold among scores as the model gives them; None where it was locked on
    re-calibrated ones and nothing tells how those came about.
    """
    if point is None or point.calibration == AS_GIVEN:
        return point
    if point.score_map is None:
        return None
    threshold = unmap_score(point.threshold, point.score_map)
    return replace(point, threshold=threshold, calibration=AS_GIVEN, score_map=None)


def locked_elsewhere(point: LockedPoint | None) -> Locked | None:
    """`point` as the scores of another data set are judged by it; None where they cannot be."""
    given = as_given(point)
    if given is None or given.pooling not in tuple(Pooling):
        return None
    return Locked(threshold=given.threshold, level=given.level, rule=Pooling(given.pooling))


def threshold_in_words(point: LockedPoint) -> str:
    """The number, and where it was locked on re-calibrated scores, what it is among those given."""
    given = as_given(point)
    if point.calibration == AS_GIVEN:
        return f"{point.threshold:.4f}"
    told = f"{point.threshold:.4f} after {point.calibration} re-calibration"
    return told if given is None else f"{told} ({given.threshold:.4f} as the model scores)"


def why_no_verdict(cases: Sequence[ScoredCase], point: LockedPoint) -> str:
    """Why none of `cases` is held against the threshold in force; "" where one is."""
    if as_given(point) is None:
        return (
            f"A threshold is locked for this model, but on scores after {point.calibration} "
            "re-calibration, and that re-calibration was not kept with it: no score can be held "
            "against it, so the scores stand alone. Lock it anew on the Thresholds page."
        )
    if any(verdict_on(case, point) for case in cases):
        return ""
    if cases and all(case.is_outside for case in cases):
        return f"{OUTSIDE}: no threshold was set on such images, so there is no verdict."
    if point.pooling not in tuple(Pooling):
        return (
            f"A threshold is locked for this model, but for scores pooled by {point.pooling!r}, "
            "which this program does not know: the scores stand alone. Lock it anew on the "
            "Thresholds page."
        )
    return (
        f"A threshold is locked for this model, but by {point.level}: there is no such case here, "
        "so the scores stand alone."
    )


def said_once(cases: Sequence[ScoredCase], point: LockedPoint | None) -> list[ScoredCase]:
    """`cases` without those of the same images as another, and without images of a pooled case.

    Of two that hold the same images, one with a verdict is kept. A lone image is called an image.
    """
    is_lone = sum(case.level is Level.IMAGE for case in cases) == 1
    chosen: dict[tuple[ScoredImage, ...], ScoredCase] = {}
    for case in reversed(cases) if is_lone else cases:
        other = chosen.setdefault(case.images, case)
        if verdict_on(case, point) and not verdict_on(other, point):
            chosen[case.images] = case
    is_pooled = any(case.level is not Level.IMAGE for case in chosen.values())
    return [
        case
        for case in chosen.values()
        if case.level is not Level.IMAGE or not is_pooled or verdict_on(case, point)
    ]


def promise_in_words(point: LockedPoint, positive: str) -> str:
    """What the threshold did where it was chosen, with the numbers of cases that stand behind."""
    promise = point.promise
    one, more = UNITS[point.level]
    called_without = promise.negatives - promise.left_alone
    without = many(promise.negatives, one, more)
    return (
        f"{where_in_words(point.split)} this threshold called {promise.found:,} of "
        f"{many(promise.positives, one, more)} with {positive} and {called_without:,} of "
        f"{without} without.{_spread_of(point)}"
    )


def promised_rates(point: LockedPoint) -> tuple[Rate, Rate]:
    """Sensitivity and specificity, each with its interval; without, where the threshold was the
    best of too few women.
    """
    promise, is_picked = point.promise, was_picked(point.aim)
    effective = promise.effective_positives, promise.effective_negatives
    sensitivity, specificity = (
        promised_rate(count, total, women, is_picked=is_picked)
        for count, total, women in (
            (promise.found, promise.positives, effective[0]),
            (promise.left_alone, promise.negatives, effective[1]),
        )
    )
    fewest = min(effective[0] or promise.positives, effective[1] or promise.negatives)
    if is_picked and fewest < FEWEST_OF_CLASS:
        return without_interval(sensitivity), without_interval(specificity)
    return sensitivity, specificity


def _spread_of(point: LockedPoint) -> str:
    rates = promised_rates(point)
    told = [
        f"{name} {rate.low:.0%} to {rate.high:.0%}"
        for name, rate in zip(("sensitivity", "specificity"), rates, strict=True)
        if rate.is_told
    ]
    if any(rate.method is IntervalMethod.PICKED_OF_FEW for rate in rates):
        return f" {PICKED_OF_FEW}"
    return f" Chance leaves open (95 %): {', '.join(told)}." if told else ""


def usual_images(cases: Cases) -> int:
    """How many images most of `cases` have."""
    return int(np.bincount(cases.images).argmax())


def completeness_in_words(case: ScoredCase, usual: int) -> str:
    """What to say where a case has other views than those the threshold was set on; "" if none."""
    views = {_view_of(image.ref) for image in case.images}
    more = UNITS[case.level][1]
    if len(views) < usual:
        return f"{len(views)} of {usual} views: the threshold was set on complete {more}."
    if len(case.images) > usual:
        return f"{len(case.images)} images: the threshold was set on {more} of {usual}."
    return ""


def rules_in_words(cases: Sequence[ScoredCase]) -> str:
    """How the scores above that of an image come about."""
    words: Mapping[Pooling, str] = {
        Pooling.MAX: "the highest",
        Pooling.MEAN: "the mean",
        Pooling.OWN_BREAST: "the highest",
    }
    rules = {case.level: words[case.rule] for case in cases if case.level is not Level.IMAGE}
    if not rules:
        return ""
    parts = [f"of {'an' if level is Level.EXAM else 'a'} {UNITS[level][0]}" for level in rules]
    (first, rule), *others = zip(parts, rules.values(), strict=True)
    if all(other == rule for _, other in others):
        return f"The score {' and '.join(parts)} is {rule} of its images."
    told = "".join(f", {part} {other}" for part, other in others)
    return f"The score {first} is {rule} of its images{told}."


def _pooled(
    level: Level,
    title: str,
    images: Sequence[ScoredImage],
    point: LockedPoint | None,
    *,
    side: Laterality | None = None,
) -> ScoredCase:
    is_locked = point is not None and point.level is level
    is_known = point is not None and point.pooling in tuple(Pooling)
    rule = Pooling(point.pooling) if point is not None and is_locked and is_known else Pooling.MAX
    return ScoredCase(level=level, title=title, rule=rule, images=tuple(images), side=side)


def _view_of(ref: ImageRef) -> Hashable:
    """Two images of one view are one view; an image of which that is not known counts itself."""
    return (ref.side, ref.view) if ref.side and ref.view else ref.image_id


def _by_key(
    images: Sequence[ScoredImage], key: Callable[[ScoredImage], Key]
) -> list[tuple[Key, list[ScoredImage]]]:
    """In the order in which each key first appears."""
    groups: dict[Key, list[ScoredImage]] = {}
    for image in images:
        groups.setdefault(key(image), []).append(image)
    return list(groups.items())


def where_in_words(split: str) -> str:
    """Among which scores something was counted."""
    match split:
        case Split.VAL:
            return "In validation"
        case "":
            return "In cross-validation"
        case _:
            return f"On the {split} split"


def cases_hash(cases: Cases) -> str:
    """What tells these cases, their truth and their scores from any others."""
    told = "\n".join(cases.case_ids).encode() + cases.positive.tobytes() + cases.score.tobytes()
    return hashlib.sha256(told).hexdigest()


def point_to_lock(
    cases: Cases,
    threshold: float,
    *,
    split: str,
    aim: str,
    locked_at: str,
    card_sha256: str,
    recalibration: Recalibration | None = None,
) -> LockedPoint:
    """The point that `threshold`, a score as the model gives it, makes on `cases`.

    With a `recalibration` it is fitted on them and kept with the point, which then lies among the
    probabilities; where the map makes several scores equal, all of them are called.
    """
    cases_as_given, score_map = cases, None
    if recalibration is not None:
        score_map = fit_score_map(cases, recalibration)
        threshold = float(map_scores(np.array([min(1.0, threshold)]), score_map)[0])
        cases = recalibrate(cases, score_map)
    found, called = operating_point(cases, threshold), cases.score >= threshold
    return LockedPoint(
        threshold=threshold,
        level=cases.level,
        pooling=cases.rule,
        calibration=AS_GIVEN if recalibration is None else str(recalibration),
        split=split,
        dataset=cases.dataset,
        aim=aim,
        promise=Promise(
            found=found.true_positives,
            positives=found.positives,
            left_alone=found.true_negatives,
            negatives=found.negatives,
            effective_positives=_effective(called, cases, cases.positive),
            effective_negatives=_effective(~called, cases, ~cases.positive),
        ),
        locked_at=locked_at,
        card_sha256=card_sha256,
        score_map=score_map,
        cases_sha256=cases_hash(cases_as_given),
    )


def _effective(hits: NDArray[np.bool_], cases: Cases, among: NDArray[np.bool_]) -> float:
    return effective_cases(hits[among], cases.groups[among]) if among.any() else 0.0
