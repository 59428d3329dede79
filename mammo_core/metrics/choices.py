"""Choosing a threshold by what it shall achieve.

A choice is made on validation or out-of-fold cases; on the test set it would flatter itself.
"""

from enum import StrEnum
from typing import Final

import numpy as np

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import OperatingPoint, operating_point, operating_points

_ROUNDING: Final = 1e-9  # 0.9 * 10 cancers are 9, not the 9.000000000000002 of a computer


class Aim(StrEnum):
    """What a threshold is chosen for. The first three and COST need a target."""

    SENSITIVITY = "sensitivity at least"
    SPECIFICITY = "specificity at least"
    RECALL_RATE = "recall rate at most"
    YOUDEN = "Youden"
    F1 = "F1"
    COST = "cost of a missed cancer, in false alarms"
    FIXED = "fixed"


def choose_threshold(cases: Cases, aim: Aim, target: float = 0.0) -> OperatingPoint:
    """The operating point that meets `aim`; `target` is its share, its cost, or the threshold."""
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
    _need(cases.positives, "cancer", "sensitivity")
    points = operating_points(cases)
    enough = points.true_positives >= target * points.positives - _ROUNDING
    return points.at(int(np.argmax(enough)))


def threshold_for_specificity(cases: Cases, target: float) -> OperatingPoint:
    """The lowest threshold that leaves at least `target` of the cases without cancer alone."""
    _need(cases.negatives, "case without cancer", "specificity")
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
    _need(cases.positives, "cancer", "sensitivity")
    _need(cases.negatives, "case without cancer", "specificity")
    points = operating_points(cases)
    gain = points.true_positives * points.negatives - points.false_positives * points.positives
    return points.at(int(np.argmax(gain)))


def threshold_for_f1(cases: Cases) -> OperatingPoint:
    """The highest threshold at which F1 is largest; it moves with the prevalence of the set."""
    _need(cases.positives, "cancer", "F1")
    points = operating_points(cases)
    return points.at(int(np.argmax(points.true_positives / (points.called + points.positives))))


def threshold_for_cost(cases: Cases, ratio: float) -> OperatingPoint:
    """The highest threshold of least cost, a missed cancer being worth `ratio` false alarms."""
    if ratio <= 0.0:
        raise TableError(
            f"A missed cancer cannot cost {ratio} false alarms; give a number above 0."
        )
    points = operating_points(cases)
    missed = points.positives - points.true_positives
    return points.at(int(np.argmin(ratio * missed + points.false_positives)))


def _need(count: int, what: str, rate: str) -> None:
    if count == 0:
        raise TableError(f"There is no {what} among these cases, so {rate} cannot be computed.")
