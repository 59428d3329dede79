"""The expected calibration error with an interval that is valid near 0, too.

The error is a mean of absolute gaps, so noise alone makes it positive, and drawing women again
makes it larger still: percentiles of a bootstrap then miss the truth (benchmarks/coverage.py).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.metrics.calibration import Interval, bin_numbers
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.resampling import resampled_weights
from mammo_core.metrics.uncertainty import CONFIDENCE, FEWEST_GROUPS

RESAMPLES: Final = 500
_TAILS: Final = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)

Floats = NDArray[np.float64]


def expected_error_interval(cases: Cases, *, bins: int = 10, seed: int = 0) -> Interval | None:
    """None where women are few.

    The bootstrap's distances, turned round the error (the basic bootstrap). The lower end is 0
    where turning the sign of each woman's gaps at random, which makes scores right on the whole,
    gives errors as large.
    """
    if cases.group_count < FEWEST_GROUPS:
        return None
    gaps = _gaps_by_woman(cases, bins)
    error = float(np.abs(gaps.sum(axis=0)).sum()) / len(cases)
    low, high = np.quantile(_drawn_again(cases, gaps, seed), _TAILS)
    right_on_the_whole = float(np.quantile(_signs_turned(gaps, seed), _TAILS[1])) / len(cases)
    upper = min(1.0, max(2 * error - float(low), error))
    if error <= right_on_the_whole:
        return 0.0, upper
    return max(0.0, 2 * error - float(high)), upper


def _gaps_by_woman(cases: Cases, bins: int) -> Floats:
    """(women, bins): her cancers less her scores."""
    gaps = np.zeros((cases.group_count, bins))
    np.add.at(
        gaps, (cases.groups, bin_numbers(cases.score, bins=bins)), cases.positive - cases.score
    )
    return gaps


def _drawn_again(cases: Cases, gaps: Floats, seed: int) -> Floats:
    sizes = np.bincount(cases.groups)
    everybody = np.zeros(len(sizes), dtype=np.intp)
    return np.concatenate(
        [
            np.abs(weights @ gaps).sum(axis=1) / (weights @ sizes)
            for weights in resampled_weights(everybody, resamples=RESAMPLES, seed=seed)
        ]
    )


def _signs_turned(gaps: Floats, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    return np.array(
        [np.abs(rng.choice([-1.0, 1.0], len(gaps)) @ gaps).sum() for _ in range(RESAMPLES)]
    )
