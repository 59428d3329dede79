"""A number with the range that chance alone explains, by the method that is valid for the cases.

Cases of one woman resemble each other. Where every case is its own group, Wilson (rates) and DeLong
(AUC) hold. Where women repeat, women are resampled with all their cases. Where a rate is 0 or 1 or
women are few, a bootstrap degenerates: then a score interval on the effective number of women.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from mammo_core.errors import TableError
from mammo_core.metrics.auc import (
    auc_of,
    delong_variance,
    newcombe_interval,
    placements,
)
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.resampling import RESAMPLES, resampled_aucs, resampled_rates
from mammo_core.metrics.threshold import OperatingPoint, operating_point

CONFIDENCE: Final = 0.95
FEWEST_GROUPS: Final = 30  # below it no bootstrap


class Method(StrEnum):
    """How an interval was made, in the words shown beside it."""

    DELONG = "DeLong"
    WILSON = "Wilson"
    BOOTSTRAP = "bootstrap over women"
    WILSON_EFFECTIVE = "Wilson on the effective number of women"
    NEWCOMBE = "Newcombe on the effective number of women"
    NONE = "no cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An AUC with its interval and what it rests on."""

    value: float
    low: float
    high: float
    method: Method
    positives: int
    negatives: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`count` of `total` cases, of so many women, with the interval; NaN where total is 0."""

    count: int
    total: int
    groups: int
    low: float
    high: float
    method: Method

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesAtThreshold:
    """An operating point and its rates, each with its interval."""

    point: OperatingPoint
    sensitivity: Rate
    specificity: Rate
    recall_rate: Rate
    ppv: Rate
    npv: Rate


def auc_with_interval(cases: Cases, *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The AUC of `cases` with the 95 % interval that is valid for them."""
    _need_both_classes(cases)
    value = auc_of(cases.score, cases.positive)
    if value in (0.0, 1.0) or cases.group_count < FEWEST_GROUPS:
        method = Method.NEWCOMBE
        low, high = newcombe_interval(
            value,
            effective_groups(cases.groups[cases.positive]),
            effective_groups(cases.groups[~cases.positive]),
            z=_z(),
        )
    elif cases.is_one_per_group:
        method = Method.DELONG
        variance = delong_variance(placements(cases.score, cases.positive), cases.positive)
        low, high = _logit_interval(value, variance)
    else:
        method = Method.BOOTSTRAP
        aucs = resampled_aucs(
            cases.score[None, :], cases.positive, cases.groups, resamples=resamples, seed=seed
        )
        low, high = percentile_interval(aucs[0])
    return Estimate(
        value=value,
        low=low,
        high=high,
        method=method,
        positives=cases.positives,
        negatives=cases.negatives,
        groups=cases.group_count,
    )


def rate_with_interval(
    hits: NDArray[np.bool_],
    groups: NDArray[np.intp],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Rate:
    """The share of hits among cases with the 95 % interval that is valid for their groups."""
    count, total = int(hits.sum()), len(hits)
    women = len(np.unique(groups))
    if total == 0:
        low, high, method = float("nan"), float("nan"), Method.NONE
    elif women == total:
        (low, high), method = wilson_interval(count, total), Method.WILSON
    elif count in (0, total) or women < FEWEST_GROUPS:
        effective = effective_groups(groups)
        low, high = wilson_interval(count / total * effective, effective)
        method = Method.WILSON_EFFECTIVE
    else:
        rates = resampled_rates(hits, groups, resamples=resamples, seed=seed)
        (low, high), method = percentile_interval(rates), Method.BOOTSTRAP
    return Rate(count=count, total=total, groups=women, low=low, high=high, method=method)


def rates_at(cases: Cases, threshold: float, *, seed: int = 0) -> RatesAtThreshold:
    """Every rate at `threshold` with its interval."""
    called = cases.score >= threshold

    def rate(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Rate:
        return rate_with_interval(hits[among], cases.groups[among], seed=seed)

    return RatesAtThreshold(
        point=operating_point(cases, threshold),
        sensitivity=rate(called, cases.positive),
        specificity=rate(~called, ~cases.positive),
        recall_rate=rate(called, np.ones(len(cases), dtype=bool)),
        ppv=rate(cases.positive, called),
        npv=rate(~cases.positive, ~called),
    )


def wilson_interval(count: float, total: float) -> tuple[float, float]:
    """Wilson (1927). `count` and `total` may be fractions: effective numbers."""
    z = _z()
    share = count / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def effective_groups(groups: NDArray[np.intp]) -> float:
    """Kish's effective number: women with equally many cases count one each, else fewer."""
    sizes = np.bincount(groups)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def percentile_interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(resampled, [tail, 100 - tail])
    return float(low), float(high)


def _logit_interval(value: float, variance: float) -> tuple[float, float]:
    """On the log-odds scale, so that it stays within 0..1 (Pepe 2003, section 5.2.4)."""
    logit = math.log(value / (1 - value))
    half = _z() * math.sqrt(variance) / (value * (1 - value))
    return 1 / (1 + math.exp(half - logit)), 1 / (1 + math.exp(-half - logit))


def _z() -> float:
    return float(norm.ppf((1 + CONFIDENCE) / 2))


def _need_both_classes(cases: Cases) -> None:
    if cases.positives and cases.negatives:
        return
    lacking = "without cancer" if cases.positives else "with cancer"
    raise TableError(
        f"There is no case {lacking} among these {len(cases)}, so an AUC cannot be computed."
    )
