"""What a threshold promises where it is chosen, and whether it is kept elsewhere.

A threshold that keeps its promise beyond the women it was chosen on: not the rate itself but the
end of its 95 % interval, by woman, must meet the target. Set by the rate itself, on ten cancers,
the target is truly met in one study of four.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.rates import weighted_sum
from mammo_core.metrics.threshold import Aim, OperatingPoint, operating_point, operating_points
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    FEWEST_OF_SHARE,
    PICKED_QUANTILE,
    IntervalMethod,
    Rate,
    RatesAtThreshold,
    rates_at,
    share_interval,
)

Meets = Callable[[RatesAtThreshold, float], bool]

#: Of each aim that can be promised so: whether it is met, and whether thresholds are tried from the
#: highest down.
_PROMISES: Final[dict[Aim, tuple[Meets, bool]]] = {
    Aim.SENSITIVITY: (lambda rates, target: rates.sensitivity.low >= target, True),
    Aim.SPECIFICITY: (lambda rates, target: rates.specificity.low >= target, False),
    Aim.RECALL_RATE: (lambda rates, target: rates.recall_rate.high <= target, False),
}


PROMISABLE: Final = tuple(_PROMISES)


def choose_conservatively(cases: Cases, aim: Aim, target: float) -> OperatingPoint:
    """As `choose_threshold`, but for chance: the first threshold whose interval meets `target`."""
    if aim not in _PROMISES:
        known = ", ".join(one.name.lower().replace("_", "-") for one in _PROMISES)
        raise TableError(
            f"{aim} has no target that an interval could meet. Aims that have: {known}."
        )
    meets, is_from_highest = _PROMISES[aim]
    for threshold in _met_by_the_rate(cases, aim, target)[:: 1 if is_from_highest else -1]:
        if meets(rates_at(cases, float(threshold)), target):
            return operating_point(cases, float(threshold))
    raise TableError(
        f"With {cases.positives:,} of {len(cases):,} cases positive no threshold can promise "
        f"{aim} {target:g}: chance alone leaves more open. Choose an easier target, aim at the "
        "rate itself (lock without --conservative), or bring more women."
    )


def _met_by_the_rate(cases: Cases, aim: Aim, target: float) -> NDArray[np.float64]:
    """From the highest down; an interval holds its rate, so it meets the target nowhere else."""
    points = operating_points(cases)
    met = {
        Aim.SENSITIVITY: points.sensitivity >= target,
        Aim.SPECIFICITY: points.specificity >= target,
        Aim.RECALL_RATE: points.recall_rate <= target,
    }[aim]
    return points.thresholds[met & np.isfinite(points.thresholds)]


def promised_rate(count: int, total: int, effective: float, *, is_picked: bool = False) -> Rate:
    """A rate of which only counts were kept, and how many women of their own would tell as much; 0
    where that is not known: then every case is taken for another woman. `is_picked` as in
    `rates_at`.
    """
    share, z = count / total if total else math.nan, PICKED_QUANTILE if is_picked else None
    women = effective or total
    low, high = share_interval(share, women, z=z) if total else (math.nan, math.nan)
    method = IntervalMethod.WILSON_CLUSTERED if effective else IntervalMethod.WILSON
    return Rate(
        count=count,
        total=total,
        groups=total,
        low=low,
        high=high,
        method=IntervalMethod.EXACT if women < FEWEST_OF_SHARE else method,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What was delivered less what was promised, on other women."""

    value: float
    low: float
    high: float
    p_value: float

    @property
    def is_clear(self) -> bool:
        """Both say so: the p value is that of a test, the interval is not made from it."""
        return self.p_value < 1 - CONFIDENCE and not self.low <= 0.0 <= self.high

    @property
    def in_words(self) -> str:
        p = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.3f}"
        spread = f"{self.value:+.1%}, 95 % {self.low:+.1%} to {self.high:+.1%}, p {p}"
        if not self.is_clear:
            return f"not told apart from what was promised ({spread})"
        return f"{'more' if self.value > 0 else 'less'} than was promised ({spread})"


def delivered_of(promised: Rate, delivered: Rate) -> Delivery | None:
    """None where either has no interval. By the chi-square of two shares with n - 1 (Campbell 2007,
    Statistics in Medicine 26:3661), on effective women.
    """
    if not promised.is_told or not delivered.is_told:
        return None
    value, low, high = weighted_sum((1.0, delivered), (-1.0, promised))
    counts = [_effective(rate) for rate in (promised, delivered)]
    pooled = (promised.value * counts[0] + delivered.value * counts[1]) / sum(counts)
    variance = pooled * (1 - pooled) * (1 / counts[0] + 1 / counts[1])
    distance = 0.0
    if variance > 0:
        distance = abs(value) / math.sqrt(variance) * math.sqrt(1 - 1 / sum(counts))
    return Delivery(value=value, low=low, high=high, p_value=float(2 * ndtr(-distance)))


def _effective(rate: Rate) -> float:
    """How many independent cases make an interval as wide as that of `rate`."""
    fewest, most = 1e-3, float(rate.total)
    for _ in range(60):
        middle = (fewest + most) / 2
        low, high = share_interval(rate.value, middle)
        fewest, most = (middle, most) if high - low > rate.high - rate.low else (fewest, middle)
    return most
