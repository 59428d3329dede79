"""The area under the ROC curve and how far chance alone could have moved it.

AUC is the chance that a case with cancer scores above one without; a tie counts half. Its variance
comes from placements: per case, the share of the other class it is ranked on the right side of.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AucParts:
    """An AUC, and per group (woman) how far her cases pull it up or down.

    `with_cancer` and `without` are sums of (placement - AUC) over the group's cases of each class.
    """

    value: float
    with_cancer: Floats
    without: Floats
    positives: int
    negatives: int
    groups_with_cancer: int
    groups_without: int


def placements(score: Floats, positive: NDArray[np.bool_]) -> Floats:
    """The structural components of DeLong (1988), from one sort (Sun and Xu 2014)."""
    order = np.argsort(score)
    in_order, is_positive = score[order], positive[order]
    starts = np.flatnonzero(np.concatenate(([True], np.diff(in_order) != 0)))
    tied = np.diff(np.append(starts, len(score)))
    positives = np.add.reduceat(is_positive.astype(np.intp), starts)
    negatives = tied - positives
    below = np.cumsum(negatives) - negatives / 2
    above = positives.sum() - np.cumsum(positives) + positives / 2
    shares = np.where(
        is_positive,
        np.repeat(below / max(1, negatives.sum()), tied),
        np.repeat(above / max(1, positives.sum()), tied),
    )
    result = np.empty(len(score))
    result[order] = shares
    return result


def auc_of(score: Floats, positive: NDArray[np.bool_]) -> float:
    """NaN where there is only one class."""
    if positive.all() or not positive.any():
        return float("nan")
    return float(placements(score, positive)[positive].mean())


def auc_parts(score: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]) -> AucParts:
    """Of cases of both classes; `groups` numbers the women from 0."""
    shares = placements(score, positive)
    value = float(shares[positive].mean())
    pull = shares - value
    cancers = np.bincount(groups, weights=positive)
    others = np.bincount(groups) - cancers
    return AucParts(
        value=value,
        with_cancer=_sums(groups, np.where(positive, pull, 0.0)),
        without=_sums(groups, np.where(positive, 0.0, pull)),
        positives=int(cancers.sum()),
        negatives=int(others.sum()),
        groups_with_cancer=int(np.count_nonzero(cancers)),
        groups_without=int(np.count_nonzero(others)),
    )


def auc_covariance(one: AucParts, other: AucParts) -> float:
    """Of two AUCs over the same cases; of one with itself, its variance.

    Obuchowski (1997), Biometrics 53:567: sums within each class, and between a woman's own two
    classes. Where every case is its own group it is DeLong (1988).
    """
    m, n = one.positives, one.negatives
    s10 = float(one.with_cancer @ other.with_cancer) * _correction(one.groups_with_cancer)
    s01 = float(one.without @ other.without) * _correction(one.groups_without)
    between = float(one.with_cancer @ other.without) + float(other.with_cancer @ one.without)
    s11 = between * _correction(len(one.without))
    return s10 / m**2 + s01 / n**2 + s11 / (m * n)


def hanley_mcneil_variance(value: float, positives: float, negatives: float) -> float:
    """Variance from the AUC and the counts alone (Hanley and McNeil 1982, exponential model)."""
    return _exponential_variance(
        value, positives, negatives, rest_positives=positives - 1, rest_negatives=negatives - 1
    )


def newcombe_interval(
    value: float, positives: float, negatives: float, *, z: float
) -> tuple[float, float]:
    """A score interval that stays sensible at AUC 0 and 1 and with few cases.

    Newcombe (2006), Statistics in Medicine 25:559, method 5: the AUCs whose own standard error,
    by Hanley and McNeil with both counts averaged, reaches `value` within z.
    """
    rest = (positives + negatives) / 2 - 1

    def is_too_far(truth: float) -> bool:
        variance = _exponential_variance(
            truth, positives, negatives, rest_positives=rest, rest_negatives=rest
        )
        return abs(value - truth) > z * math.sqrt(max(0.0, variance))

    return _edge(0.0, value, is_too_far), _edge(1.0, value, is_too_far)


def _edge(outside: float, inside: float, is_too_far: Callable[[float], bool]) -> float:
    """Where `is_too_far` turns, found by halving; `outside` itself where nothing is too far."""
    for _ in range(60):
        middle = (outside + inside) / 2
        if is_too_far(middle):
            outside = middle
        else:
            inside = middle
    return inside


def _exponential_variance(
    value: float,
    positives: float,
    negatives: float,
    *,
    rest_positives: float,
    rest_negatives: float,
) -> float:
    spread = (
        1
        + rest_positives * (1 - value) / (2 - value)  # two cancers, one case without
        + rest_negatives * value / (1 + value)  # one cancer, two cases without
    )
    return value * (1 - value) * spread / (positives * negatives)


def _sums(groups: NDArray[np.intp], values: Floats) -> Floats:
    return np.bincount(groups, weights=values).astype(np.float64)


def _correction(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else 1.0
