"""The luck of training: the same recipe from other seeds, on the same cases.

An interval over women says how far other women would have moved a number; it knows nothing of how
far another seed would have. Two recipes differ only beyond both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.special import stdtrit

from mammo_core.metrics.uncertainty import CONFIDENCE

FEWEST: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSpread:
    """The AUC of each seed of one recipe, its own first."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation between seeds; NaN for one."""
        if len(self.values) < FEWEST:
            return math.nan
        squares = sum((value - self.mean) ** 2 for value in self.values)
        return math.sqrt(squares / (len(self.values) - 1))

    @property
    def in_words(self) -> str:
        if len(self.values) < FEWEST:
            return "luck of training not measured"
        return f"{self.mean:.3f} (SD {self.deviation:.3f}) of {len(self.values)} seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedDifference:
    """Mean AUC of one recipe minus that of another, with the interval over their seeds."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


def seed_difference(one: SeedSpread, other: SeedSpread) -> SeedDifference | None:
    """Welch's interval (1947); None where one of them has a single seed."""
    counts = len(one.values), len(other.values)
    if min(counts) < FEWEST:
        return None
    parts = [
        spread.deviation**2 / count for spread, count in zip((one, other), counts, strict=True)
    ]
    value = one.mean - other.mean
    if sum(parts) == 0.0:
        return SeedDifference(value=value, low=value, high=value)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (count - 1) for part, count in zip(parts, counts, strict=True)
    )
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(sum(parts))
    return SeedDifference(value=value, low=value - half, high=value + half)


def luck_in_words(names: Sequence[str], one: SeedSpread, other: SeedSpread) -> str:
    """What the seeds allow to be said of two recipes that were compared over women."""
    difference = seed_difference(one, other)
    if difference is None:
        lacking = [
            name
            for name, spread in zip(names, (one, other), strict=True)
            if len(spread.values) < FEWEST
        ]
        return f"Luck of training not measured: one seed of {' and of '.join(lacking)}."
    spread = (
        f"Between seeds the mean AUC differs by {difference.value:+.3f} "
        f"(95 % {difference.low:+.3f} to {difference.high:+.3f})"
    )
    if difference.is_clear:
        return f"{spread}, more than the luck of training explains."
    return f"{spread}: the luck of training can explain it, so the recipes are not told apart."
