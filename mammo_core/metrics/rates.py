"""Accuracy, F1, likelihood ratios and their kin at one threshold, with intervals by woman.

They are mixtures of the plain rates, and no formula for their spread knows of women, so women are
drawn again, those with and those without a cancer each on their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    drawn_interval,
    resampled_weights,
    strata_of,
)

RESAMPLES: Final = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRate:
    """A number at a threshold; None for ends that chance cannot be told of."""

    name: str
    value: float
    low: float | None
    high: float | None
    is_of_prevalence: bool  # whether it moves with the share of cancers in the set


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """Of a set of cases, or of many drawn sets at once."""

    found: Floats
    missed: Floats
    alarms: Floats
    left_alone: Floats
    score: Floats
    score_of_cancers: Floats

    @property
    def positives(self) -> Floats:
        return self.found + self.missed

    @property
    def negatives(self) -> Floats:
        return self.alarms + self.left_alone

    @property
    def sensitivity(self) -> Floats:
        return self.found / self.positives

    @property
    def specificity(self) -> Floats:
        return self.left_alone / self.negatives


#: Each with whether it moves with the prevalence. Probabilistic F1 needs no threshold.
_FIGURES: Final[Mapping[str, tuple[Callable[[_Sums], Floats], bool]]] = {
    "Accuracy": (
        lambda s: (s.found + s.left_alone) / (s.positives + s.negatives), True,
    ),
    "Balanced accuracy": (lambda s: (s.sensitivity + s.specificity) / 2, False),
    "F1": (lambda s: 2 * s.found / (s.found + s.alarms + s.positives), True),
    "Likelihood ratio, called": (lambda s: s.sensitivity / (1 - s.specificity), False),
    "Likelihood ratio, not called": (lambda s: (1 - s.sensitivity) / s.specificity, False),
    "Probabilistic F1": (lambda s: 2 * s.score_of_cancers / (s.score + s.positives), True),
}  # fmt: skip


def more_rates(cases: Cases, threshold: float, *, seed: int = 0) -> list[DerivedRate]:
    """None of them where there is one class only."""
    if not cases.positives or not cases.negatives:
        return []
    called = cases.score >= threshold
    by_case = np.stack(
        [
            called & cases.positive,
            ~called & cases.positive,
            called & ~cases.positive,
            ~called & ~cases.positive,
            cases.score,
            cases.score * cases.positive,
        ]
    ).astype(np.float64)
    by_woman = np.stack(
        [np.bincount(cases.groups, weights=row).astype(np.float64) for row in by_case], axis=1
    )
    here = _sums(by_woman.sum(axis=0))
    drawn = _sums(_drawn(cases, by_woman, seed)) if cases.group_count >= FEWEST_GROUPS else None
    return [
        _figure(name, compute, here, drawn, is_of_prevalence=is_of_prevalence)
        for name, (compute, is_of_prevalence) in _FIGURES.items()
    ]


def _drawn(cases: Cases, by_woman: Floats, seed: int) -> Floats:
    strata = strata_of(cases.positive, cases.groups)
    chunks = resampled_weights(strata, resamples=RESAMPLES, seed=seed)
    return np.concatenate([weights @ by_woman for weights in chunks])


def _sums(columns: Floats) -> _Sums:
    found, missed, alarms, left_alone, score, score_of_cancers = np.moveaxis(columns, -1, 0)
    return _Sums(
        found=found, missed=missed, alarms=alarms, left_alone=left_alone, score=score,
        score_of_cancers=score_of_cancers,
    )  # fmt: skip


def _figure(
    name: str,
    compute: Callable[[_Sums], Floats],
    here: _Sums,
    drawn: _Sums | None,
    *,
    is_of_prevalence: bool,
) -> DerivedRate:
    """Where a draw divides by nothing, or no draw changes anything, there is no interval."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(compute(here))
        values = None if drawn is None else compute(drawn)
    low, high = (None if values is None else drawn_interval(values)) or (None, None)
    return DerivedRate(
        name=name, value=value, low=low, high=high, is_of_prevalence=is_of_prevalence
    )
