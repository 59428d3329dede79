"""The area under the ROC curve and how far chance alone could have moved it.

AUC is the chance that a case with cancer scores above one without; a tie counts half. All variances
start from placements: per case, the share of the other class it is ranked on the right side of.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def placements(score: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Structural components of DeLong (1988), all of them from one sort (Sun and Xu 2014)."""
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


def delong_variance(shares: Floats, positive: NDArray[np.bool_]) -> float:
    """Variance of the AUC of independent cases, from their placements (DeLong 1988)."""
    with_cancer, without = shares[positive], shares[~positive]
    return _variance(with_cancer) / len(with_cancer) + _variance(without) / len(without)


def clustered_variance(
    shares: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]
) -> float:
    """Variance of the AUC where a woman has several cases (Obuchowski 1997, Biometrics 53:567)."""
    first, second = clustered_components(shares, positive, groups)
    return clustered_covariance(first, second, positive, groups)


def clustered_components(
    shares: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Per group, the summed deviations of its cases with cancer, and of those without."""
    value = shares[positive].mean()
    deviations = shares - value
    with_cancer = np.bincount(groups, weights=np.where(positive, deviations, 0.0))
    without = np.bincount(groups, weights=np.where(positive, 0.0, deviations))
    return with_cancer.astype(np.float64), without.astype(np.float64)


def clustered_covariance(
    with_cancer: Floats, without: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]
) -> float:
    """Obuchowski's three sums: within each class, and between a woman's own two classes."""
    m, n = int(positive.sum()), int((~positive).sum())
    s10 = float(with_cancer @ with_cancer) * _correction(len(np.unique(groups[positive])))
    s01 = float(without @ without) * _correction(len(np.unique(groups[~positive])))
    s11 = float(with_cancer @ without) * _correction(int(groups.max()) + 1)
    return s10 / m**2 + s01 / n**2 + 2 * s11 / (m * n)


def hanley_mcneil_variance(value: float, positives: float, negatives: float) -> float:
    """Variance from the AUC and the counts alone (Hanley and McNeil 1982, exponential model)."""
    return _exponential_variance(value, positives, negatives, positives - 1, negatives - 1)


def newcombe_interval(
    value: float, positives: float, negatives: float, *, z: float
) -> tuple[float, float]:
    """A score interval that stays sensible at AUC 0 and 1 and with few cases.

    Newcombe (2006), Statistics in Medicine 25:559, method 5: the AUCs whose own standard error,
    by Hanley and McNeil with both counts averaged, reaches `value` within z.
    """
    rest = (positives + negatives) / 2 - 1

    def is_too_far(truth: float) -> bool:
        variance = _exponential_variance(truth, positives, negatives, rest, rest)
        return abs(value - truth) > z * math.sqrt(max(0.0, variance))

    return _edge(0.0, value, is_too_far), _edge(1.0, value, is_too_far)


def _edge(outside: float, inside: float, is_too_far: Callable[[float], bool]) -> float:
    """Where `is_too_far` turns, by halving; `outside` itself where nothing is too far."""
    for _ in range(60):
        middle = (outside + inside) / 2
        if is_too_far(middle):
            outside = middle
        else:
            inside = middle
    return inside


def _exponential_variance(
    value: float, positives: float, negatives: float, rest_1: float, rest_2: float
) -> float:
    spread = 1 + rest_1 * (1 - value) / (2 - value) + rest_2 * value / (1 + value)
    return value * (1 - value) * spread / (positives * negatives)


def _variance(values: Floats) -> float:
    return float(np.var(values, ddof=1)) if len(values) > 1 else 0.0


def _correction(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else 1.0
