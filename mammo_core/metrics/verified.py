"""Sensitivity and specificity where not every case was verified (Begg and Greenes 1983, Biometrics
39:207): among cases called alike, those verified stand for those that were not.

It holds where, among cases that the model calls alike, who was verified did not hang on cancer.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.metrics.uncertainty import logit_interval, normal_quantile
from mammo_core.words import many

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
#: Verified cases of each outcome, called and not: of fewer the interval holds too rarely.
FEWEST_OF_EACH: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedRate:
    value: float
    low: float
    high: float
    of_verified: float  # the same among the verified alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """Both rates as if all `cases` had been verified, with intervals by woman."""

    sensitivity: CorrectedRate
    specificity: CorrectedRate
    verified: int
    cases: int


def why_not_corrected(called: Bools, positive: Bools, verified: Bools) -> str:
    """The reason in a sentence; "" where there are cases enough."""
    for is_called, calls in ((True, "called"), (False, "not called")):
        among = verified & (called == is_called)
        for is_ill, kind in ((True, "with"), (False, "without")):
            count = int((among & (positive == is_ill)).sum())
            if count < FEWEST_OF_EACH:
                return (
                    f"No correction: it needs {FEWEST_OF_EACH} verified cases {kind} cancer among "
                    f"those {calls}, and there {'is' if count == 1 else 'are'} {count}. Move the "
                    "threshold, or verify a sample of those."
                )
    return ""


def begg_greenes(
    called: Bools, positive: Bools, verified: Bools, groups: NDArray[np.intp]
) -> Corrected | None:
    """`positive` counts only where `verified`. None for the reason of `why_not_corrected`."""
    if why_not_corrected(called, positive, verified):
        return None
    ill = positive & verified
    return Corrected(
        sensitivity=_rate(called, ill, verified, groups),
        specificity=_rate(~called, verified & ~positive, verified, groups),
        verified=int(verified.sum()),
        cases=len(called),
    )


def _rate(hit: Bools, wanted: Bools, verified: Bools, groups: NDArray[np.intp]) -> CorrectedRate:
    """The share of `wanted` cases that are hit. Its log-odds is that of hits less that of misses,
    each a count times a share of the verified; how far a woman moves it is summed over her cases.
    """
    pulls = np.zeros(len(hit))
    parts = []
    for side, sign in ((hit, 1.0), (~hit, -1.0)):
        seen = verified & side
        share = float(wanted[seen].mean())
        parts.append(float(side.sum()) * share)
        pulls += sign * side / side.sum()
        pulls += sign * seen * (wanted - share) / (seen.sum() * share)
    by_woman = np.bincount(groups, weights=pulls)
    women = np.count_nonzero(np.bincount(groups))
    error = math.sqrt(float(by_woman @ by_woman) * women / (women - 1))
    value = parts[0] / sum(parts)
    low, high = logit_interval(value, normal_quantile() * error * value * (1 - value))
    return CorrectedRate(value=value, low=low, high=high, of_verified=float(hit[wanted].mean()))


def corrected_in_words(found: Corrected) -> tuple[str, str]:
    unverified = found.cases - found.verified
    return tuple(  # type: ignore[return-value]
        f"{name} {rate.value:.1%} (95 % {rate.low:.1%} to {rate.high:.1%}) of all "
        f"{many(found.cases, 'case', 'cases')}, {unverified:,} of them not verified; of the "
        f"verified alone {rate.of_verified:.1%}."
        for name, rate in (
            ("Sensitivity", found.sensitivity),
            ("Specificity", found.specificity),
        )
    )
