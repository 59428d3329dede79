"""The mean of a measurement over cases, with an interval that knows cases of one woman to be alike.

For what is a number per case and no yes or no: a share of a map, an overlap, a correlation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from mammo_core.metrics.uncertainty import CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """NaN where nothing can be said: no case, or for the interval fewer than two women."""

    value: float
    low: float
    high: float
    cases: int
    groups: int


def mean_with_interval(values: NDArray[np.floating], groups: NDArray[np.intp]) -> Mean:
    """Student's t on women's summed deviations, as a survey with women as clusters has it
    (Cochran 1977, section 2.11).
    """
    cases = len(values)
    women = len(np.unique(groups))
    nothing = float("nan")
    if not cases:
        return Mean(value=nothing, low=nothing, high=nothing, cases=0, groups=0)
    mean = float(np.mean(values))
    if women < 2:
        return Mean(value=mean, low=nothing, high=nothing, cases=cases, groups=women)
    by_woman = np.bincount(groups, weights=values - mean)
    error = math.sqrt(float(by_woman @ by_woman) * women / (women - 1)) / cases
    half = float(stdtrit(women - 1, (1 + CONFIDENCE) / 2)) * error
    return Mean(value=mean, low=mean - half, high=mean + half, cases=cases, groups=women)
