"""Two models' rates over the same cases: is one sensitivity higher than the other?"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtr

from mammo_core.metrics.uncertainty import effective_cases, wilson_interval

Hits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDifference:
    """One rate minus the other; `only_one` and `only_other` are the cases on which they differ."""

    value: float
    low: float
    high: float
    p_value: float
    only_one: int
    only_other: int
    cases: int
    groups: int

    @property
    def is_clear(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


def rate_difference(one: Hits, other: Hits, groups: NDArray[np.intp]) -> RateDifference:
    """`one` and `other` are hits on the same cases; there must be at least one case.

    The interval squares and adds two Wilson intervals less what the pairing explains (Newcombe
    1998, Statistics in Medicine 17:2635, method 10), on effective cases where women repeat. The p
    is McNemar's, exact, where every case is its own woman; else a t test over women.
    """
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    shares = float(one.mean()), float(other.mean())
    (low, high), (other_low, other_high) = (
        wilson_interval(share, effective_cases(hits, groups))
        for share, hits in zip(shares, (one, other), strict=True)
    )
    phi = _correlation(one, other)
    value = shares[0] - shares[1]
    below, above = shares[0] - low, other_high - shares[1]
    beyond, beneath = high - shares[0], shares[1] - other_low
    women = int(np.count_nonzero(np.bincount(groups)))
    return RateDifference(
        value=value,
        low=max(-1.0, value - _root(below**2 - 2 * phi * below * above + above**2)),
        high=min(1.0, value + _root(beyond**2 - 2 * phi * beyond * beneath + beneath**2)),
        p_value=mcnemar(only_one, only_other)
        if women == len(one)
        else _clustered_p(one, other, groups),
        only_one=only_one,
        only_other=only_other,
        cases=len(one),
        groups=women,
    )


def mcnemar(only_one: int, only_other: int) -> float:
    """The exact two-sided p: a fair coin for every case on which the models differ."""
    differing = only_one + only_other
    if differing == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_one, only_other), differing, 0.5)))


def _clustered_p(one: Hits, other: Hits, groups: NDArray[np.intp]) -> float:
    """Obuchowski (1998), Statistics in Medicine 17:1495: women's summed differences against 0."""
    pull = np.bincount(groups, weights=one.astype(float) - other)
    spread = float(pull @ pull)
    women = int(np.count_nonzero(np.bincount(groups)))
    if spread == 0.0 or women < 2:
        return 1.0
    statistic = abs(float(pull.sum())) / math.sqrt(spread * women / (women - 1))
    return min(1.0, 2 * float(stdtr(women - 1, -statistic)))


def _correlation(one: Hits, other: Hits) -> float:
    if one.all() or other.all() or not one.any() or not other.any():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _root(square: float) -> float:
    return math.sqrt(max(0.0, square))  # rounding may leave a hair below 0
