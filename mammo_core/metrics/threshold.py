"""What a decision threshold does to cases, and the ways to choose one."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """Counts and rates at one threshold. A rate without a denominator is NaN."""

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def cases(self) -> int:
        return self.positives + self.negatives

    @property
    def positives(self) -> int:
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> int:
        return self.false_positives + self.true_negatives

    @property
    def called(self) -> int:
        return self.true_positives + self.false_positives

    @property
    def sensitivity(self) -> float:
        return _ratio(self.true_positives, self.positives)

    @property
    def specificity(self) -> float:
        return _ratio(self.true_negatives, self.negatives)

    @property
    def recall_rate(self) -> float:
        return _ratio(self.called, self.cases)

    @property
    def ppv(self) -> float:
        return _ratio(self.true_positives, self.called)

    @property
    def npv(self) -> float:
        return _ratio(self.true_negatives, self.cases - self.called)

    @property
    def accuracy(self) -> float:
        return _ratio(self.true_positives + self.true_negatives, self.cases)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.true_positives, self.called + self.positives)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperatingPoints:
    """Every point that calls a different set of cases, from nobody called to everybody.

    The first threshold is infinite; the others are the distinct scores, falling.
    """

    thresholds: NDArray[np.float64]
    true_positives: NDArray[np.intp]
    false_positives: NDArray[np.intp]
    positives: int
    negatives: int

    def __len__(self) -> int:
        return len(self.thresholds)

    @property
    def sensitivity(self) -> NDArray[np.float64]:
        return _ratios(self.true_positives, self.positives)

    @property
    def specificity(self) -> NDArray[np.float64]:
        return _ratios(self.negatives - self.false_positives, self.negatives)

    @property
    def called(self) -> NDArray[np.intp]:
        return self.true_positives + self.false_positives

    @property
    def recall_rate(self) -> NDArray[np.float64]:
        return _ratios(self.called, self.positives + self.negatives)

    def at(self, index: int) -> OperatingPoint:
        found, alarms = int(self.true_positives[index]), int(self.false_positives[index])
        return OperatingPoint(
            threshold=float(self.thresholds[index]),
            true_positives=found,
            false_positives=alarms,
            false_negatives=self.positives - found,
            true_negatives=self.negatives - alarms,
        )


def operating_point(cases: Cases, threshold: float) -> OperatingPoint:
    """Count the four outcomes when every case scoring at least `threshold` is called."""
    called = cases.score >= threshold
    found = int(np.sum(called & cases.positive))
    alarms = int(np.sum(called)) - found
    return OperatingPoint(
        threshold=threshold,
        true_positives=found,
        false_positives=alarms,
        false_negatives=cases.positives - found,
        true_negatives=cases.negatives - alarms,
    )


def operating_points(cases: Cases) -> OperatingPoints:
    """All of them in one pass: sort once, count on the way down."""
    order = np.argsort(cases.score)[::-1]
    score, positive = cases.score[order], cases.positive[order]
    last_of_its_score = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    found = np.cumsum(positive)[last_of_its_score]
    return OperatingPoints(
        thresholds=np.concatenate(([np.inf], score[last_of_its_score])),
        true_positives=np.concatenate(([0], found)),
        false_positives=np.concatenate(([0], last_of_its_score + 1 - found)),
        positives=cases.positives,
        negatives=cases.negatives,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _ratios(part: NDArray[np.intp], whole: int) -> NDArray[np.float64]:
    return part / whole if whole else np.full(len(part), np.nan)


_ROUNDING: Final = 1e-9  # 0.9 * 10 cancers are 9, not the 9.000000000000002 of a computer


#: Of sensitivity: what a threshold is chosen for where nobody has chosen one.
SUGGESTED_SENSITIVITY: Final = 0.9
#: What the papers call cases by that chose no threshold.
HALF: Final = 0.5


class Aim(StrEnum):
    """What a threshold is chosen for. The first three and COST need a target."""

    SENSITIVITY = "sensitivity at least"
    SPECIFICITY = "specificity at least"
    RECALL_RATE = "recall rate at most"
    YOUDEN = "Youden"
    F1 = "F1"
    COST = "cost of a missed cancer, in false alarms"
    FIXED = "fixed"

    @property
    def is_picked(self) -> bool:
        """Whether it takes the best of all thresholds: its rates are too good on those cases."""
        return self in (Aim.YOUDEN, Aim.F1, Aim.COST)


def was_picked(aim: str) -> bool:
    """Of an aim as it was written down, with its target behind it."""
    return any(aim.startswith(one) for one in Aim if one.is_picked)


#: Aims that are nothing without a number.
WITH_TARGET: Final = (Aim.SENSITIVITY, Aim.SPECIFICITY, Aim.RECALL_RATE, Aim.COST)


def choose_threshold(cases: Cases, aim: Aim, target: float = 0.0) -> OperatingPoint:
    """The operating point that meets `aim`; `target` is its share, its cost, or the threshold.

    A TableError where only calling nobody meets it: no threshold within the scale of the scores
    does that, and the nearest one, that of the highest score, would break what was aimed at.
    """
    point = _chosen(cases, aim, target)
    if math.isfinite(point.threshold) or aim is Aim.FIXED:
        return point
    nearest = operating_points(cases).at(1)
    words = f"{aim} {target:g}" if aim in WITH_TARGET else str(aim)
    raise TableError(
        f"{words} is met on these {len(cases):,} cases only where nobody is called. Already the "
        f"highest score, {nearest.threshold:g}, calls {nearest.called:,} of them: specificity "
        f"{nearest.specificity:.1%} ({nearest.true_negatives:,} of {nearest.negatives:,}), recall "
        f"rate {nearest.recall_rate:.1%}. Choose another target, or scores with more steps."
    )


def _chosen(cases: Cases, aim: Aim, target: float) -> OperatingPoint:
    match aim:
        case Aim.SENSITIVITY:
            return threshold_for_sensitivity(cases, target)
        case Aim.SPECIFICITY:
            return threshold_for_specificity(cases, target)
        case Aim.RECALL_RATE:
            return threshold_for_recall_rate(cases, target)
        case Aim.YOUDEN:
            return youden(cases)
        case Aim.F1:
            return threshold_for_f1(cases)
        case Aim.COST:
            return threshold_for_cost(cases, target)
        case Aim.FIXED:
            return operating_point(cases, target)


def threshold_for_sensitivity(cases: Cases, target: float) -> OperatingPoint:
    """The highest threshold that still finds at least `target` of the cancers."""
    _need(cases, is_positive=True, rate="sensitivity")
    points = operating_points(cases)
    enough = points.true_positives >= target * points.positives - _ROUNDING
    return points.at(1 + int(np.argmax(enough[1:])))  # a score: calling nobody finds none


def threshold_for_specificity(cases: Cases, target: float) -> OperatingPoint:
    """The lowest threshold that leaves at least `target` of the cases without cancer alone."""
    _need(cases, is_positive=False, rate="specificity")
    points = operating_points(cases)
    left_alone = points.negatives - points.false_positives
    enough = left_alone >= target * points.negatives - _ROUNDING
    return points.at(int(np.flatnonzero(enough)[-1]))


def threshold_for_recall_rate(cases: Cases, most: float) -> OperatingPoint:
    """The lowest threshold that calls at most `most` of all cases."""
    points = operating_points(cases)
    few_enough = points.called <= most * len(cases) + _ROUNDING
    return points.at(int(np.flatnonzero(few_enough)[-1]))


def youden(cases: Cases) -> OperatingPoint:
    """The highest threshold at which sensitivity + specificity - 1 is largest (Youden 1950)."""
    _need(cases, is_positive=True, rate="sensitivity")
    _need(cases, is_positive=False, rate="specificity")
    points = operating_points(cases)
    gain = points.true_positives * points.negatives - points.false_positives * points.positives
    return points.at(int(np.argmax(gain)))


def threshold_for_f1(cases: Cases) -> OperatingPoint:
    """The highest threshold at which F1 is largest; it moves with the prevalence of the set."""
    _need(cases, is_positive=True, rate="F1")
    points = operating_points(cases)
    return points.at(int(np.argmax(points.true_positives / (points.called + points.positives))))


def threshold_for_cost(cases: Cases, ratio: float) -> OperatingPoint:
    """The highest threshold of least cost, a missed cancer being worth `ratio` false alarms."""
    if ratio <= 0.0:
        raise TableError(f"A missed case cannot cost {ratio} false alarms; give a number above 0.")
    points = operating_points(cases)
    missed = points.positives - points.true_positives
    return points.at(int(np.argmin(ratio * missed + points.false_positives)))


def _need(cases: Cases, *, is_positive: bool, rate: str) -> None:
    if (cases.positive == is_positive).any():
        return
    kind = f"{'with' if is_positive else 'without'} {cases.finding.one}"
    raise TableError(f"There is no case {kind} among these cases, so {rate} cannot be computed.")
