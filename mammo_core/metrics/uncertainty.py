"""A number with the range that chance alone explains, by the method that is valid for the cases.

Cases of one woman resemble each other. Where every case is its own group, Wilson (rates) and DeLong
(AUC) hold; where women repeat, the same formulas take women, not cases, as what was drawn. Which
forms are used was decided by counting how often an interval held the truth: benchmarks/coverage.py.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.auc import (
    AucParts,
    auc_covariance,
    auc_of,
    auc_parts,
    newcombe_interval,
)
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import OperatingPoint, operating_point

CONFIDENCE: Final = 0.95
FEWEST_GROUPS: Final = 30  # below it no variance between women is trusted


class Method(StrEnum):
    """How an interval was made, in the words shown beside it."""

    DELONG = "DeLong"
    OBUCHOWSKI = "Obuchowski, by woman"
    NEWCOMBE = "Newcombe, by woman"
    BOOTSTRAP = "bootstrap, by woman"
    WILSON = "Wilson"
    WILSON_CLUSTERED = "Wilson, by woman"
    NONE = "no cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An area under a curve with its interval and what it rests on."""

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


def auc_with_interval(cases: Cases) -> Estimate:
    """The AUC of `cases` with the 95 % interval that is valid for them."""
    need_both_classes(cases)
    parts = auc_parts(cases.score, cases.positive, cases.groups)
    if cases.group_count < FEWEST_GROUPS or auc_covariance(parts, parts) <= 0.0:
        method = Method.NEWCOMBE
        low, high = newcombe_of(cases)
    else:
        method = Method.DELONG if cases.is_one_per_group else Method.OBUCHOWSKI
        half = t_quantile(parts) * math.sqrt(auc_covariance(parts, parts))
        low, high = logit_interval(parts.value, half)
    return Estimate(
        value=parts.value,
        low=low,
        high=high,
        method=method,
        positives=cases.positives,
        negatives=cases.negatives,
        groups=cases.group_count,
    )


def newcombe_of(cases: Cases) -> tuple[float, float]:
    """The interval for few women: each class counts as its effective number of women."""
    return newcombe_interval(
        auc_of(cases.score, cases.positive),
        effective_groups(cases.groups[cases.positive]),
        effective_groups(cases.groups[~cases.positive]),
        z=normal_quantile(),
    )


def rate_with_interval(hits: NDArray[np.bool_], groups: NDArray[np.intp]) -> Rate:
    """The share of hits among cases with the 95 % interval that is valid for their groups."""
    count, total = int(hits.sum()), len(hits)
    women = int(np.count_nonzero(np.bincount(groups)))
    if total == 0:
        low, high, method = float("nan"), float("nan"), Method.NONE
    else:
        effective = effective_cases(hits, groups)
        low, high = wilson_interval(count / total, effective)
        method = Method.WILSON if women == total else Method.WILSON_CLUSTERED
    return Rate(count=count, total=total, groups=women, low=low, high=high, method=method)


def rates_at(cases: Cases, threshold: float) -> RatesAtThreshold:
    """Every rate at `threshold` with its interval."""
    called = cases.score >= threshold

    def rate(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Rate:
        return rate_with_interval(hits[among], cases.groups[among])

    return RatesAtThreshold(
        point=operating_point(cases, threshold),
        sensitivity=rate(called, cases.positive),
        specificity=rate(~called, ~cases.positive),
        recall_rate=rate(called, np.ones(len(cases), dtype=bool)),
        ppv=rate(cases.positive, called),
        npv=rate(~cases.positive, ~called),
    )


def rate_bands(cases: Cases, *, most: int = 100) -> pd.DataFrame:
    """`threshold`, and sensitivity and specificity with `_low` and `_high`, rising.

    At most `most` thresholds, at shares of the cases. Each interval holds at its own threshold;
    together they are no band for the whole curve.
    """
    shares = np.linspace(0.0, 1.0, most)
    thresholds = np.unique(np.quantile(cases.score, shares, method="inverted_cdf"))
    rows = []
    for threshold in thresholds:
        called = cases.score >= threshold
        found = rate_with_interval(called[cases.positive], cases.groups[cases.positive])
        left = rate_with_interval(~called[~cases.positive], cases.groups[~cases.positive])
        rows.append(
            (threshold, found.value, found.low, found.high, left.value, left.low, left.high)
        )
    names = [
        f"{rate}{end}" for rate in ("sensitivity", "specificity") for end in ("", "_low", "_high")
    ]
    return pd.DataFrame(rows, columns=["threshold", *names])


def wilson_interval(share: float, total: float) -> tuple[float, float]:
    """Wilson (1927), Journal of the American Statistical Association 22:209."""
    z = normal_quantile()
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def effective_cases(hits: NDArray[np.bool_], groups: NDArray[np.intp]) -> float:
    """How many independent cases would tell as much as these (Korn and Graubard 1998).

    From the variance between women; never more than the cases, never fewer than the effective
    number of women, which stands alone where that variance cannot be known.
    """
    cases = np.bincount(groups)
    cases = cases[cases > 0]
    total, women = len(hits), len(cases)
    share = float(hits.mean())
    floor = effective_groups(groups)
    if women == total:
        return float(total)
    if share in (0.0, 1.0) or women < FEWEST_GROUPS:
        return floor
    per_woman = np.bincount(groups, weights=hits)[np.bincount(groups) > 0] - share * cases
    variance = float(per_woman @ per_woman) / total**2 * women / (women - 1)
    most = total * variance  # compared before dividing: women who are all alike vary by nothing
    return (
        max(floor, share * (1 - share) / variance) if share * (1 - share) < most else float(total)
    )


def effective_groups(groups: NDArray[np.intp]) -> float:
    """Kish's effective number: women with equally many cases count one each, else fewer."""
    sizes = np.bincount(groups)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def t_quantile(parts: AucParts) -> float:
    """Student's t on the women of the smaller class: a handful of cancers is a small sample."""
    return float(stdtrit(degrees_of_freedom(parts), (1 + CONFIDENCE) / 2))


def degrees_of_freedom(parts: AucParts) -> int:
    return max(1, min(parts.groups_with_cancer, parts.groups_without) - 1)


def normal_quantile() -> float:
    return float(ndtri((1 + CONFIDENCE) / 2))


def need_both_classes(cases: Cases, *, what: str = "an AUC") -> None:
    if cases.positives and cases.negatives:
        return
    lacking = "without cancer" if cases.positives else "with cancer"
    raise TableError(
        f"There is no case {lacking} among these {len(cases)}, so {what} cannot be computed."
    )


def logit_interval(value: float, half: float) -> tuple[float, float]:
    """`value` plus and minus `half`, made on the log-odds scale so that it stays within 0..1.

    Pepe (2003), section 5.2.4.
    """
    odds = math.log(value / (1 - value))
    half = half / (value * (1 - value))
    return _from_log_odds(odds - half), _from_log_odds(odds + half)


def _from_log_odds(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > 0 else math.exp(odds) / (1 + math.exp(odds))
