"""A number with the range that chance alone explains: the AUC and the rates, in closed form where
there is one, else by drawing women again with replacement.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, ndtr, ndtri, stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import OperatingPoint, operating_point

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AucParts:
    """An AUC, and per group (woman) how far her cases pull it up or down.

    `with_cancer` and `without` are sums of (placement - AUC) over the group's cases of each class.
    """

    value: float
    with_cancer: Floats
    without: Floats
    positives: int
    negatives: int
    groups_with_cancer: int
    groups_without: int


def placements(score: Floats, positive: NDArray[np.bool_]) -> Floats:
    """The structural components of DeLong (1988), from one sort (Sun and Xu 2014)."""
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


def auc_parts(score: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]) -> AucParts:
    """Of cases of both classes; `groups` numbers the women from 0."""
    shares = placements(score, positive)
    value = float(shares[positive].mean())
    pull = shares - value
    cancers = np.bincount(groups, weights=positive)
    others = np.bincount(groups) - cancers
    return AucParts(
        value=value,
        with_cancer=_sums(groups, np.where(positive, pull, 0.0)),
        without=_sums(groups, np.where(positive, 0.0, pull)),
        positives=int(cancers.sum()),
        negatives=int(others.sum()),
        groups_with_cancer=int(np.count_nonzero(cancers)),
        groups_without=int(np.count_nonzero(others)),
    )


def auc_covariance(one: AucParts, other: AucParts) -> float:
    """Of two AUCs over the same cases; of one with itself, its variance.

    Obuchowski (1997), Biometrics 53:567: sums within each class, and between a woman's own two
    classes. Where every case is its own group it is DeLong (1988).
    """
    m, n = one.positives, one.negatives
    s10 = float(one.with_cancer @ other.with_cancer) * _correction(one.groups_with_cancer)
    s01 = float(one.without @ other.without) * _correction(one.groups_without)
    between = float(one.with_cancer @ other.without) + float(other.with_cancer @ one.without)
    s11 = between * _correction(len(one.without))
    return s10 / m**2 + s01 / n**2 + s11 / (m * n)


def hanley_mcneil_variance(value: float, positives: float, negatives: float) -> float:
    """Variance from the AUC and the counts alone (Hanley and McNeil 1982, exponential model)."""
    return _exponential_variance(
        value, positives, negatives, rest_positives=positives - 1, rest_negatives=negatives - 1
    )


def newcombe_interval(
    value: float, positives: float, negatives: float, *, z: float
) -> tuple[float, float]:
    """A score interval that stays sensible at AUC 0 and 1 and with few cases.

    Newcombe (2006), Statistics in Medicine 25:559, method 5: the AUCs whose own standard error,
    by Hanley and McNeil with both counts averaged, reaches `value` within z.
    """
    return newcombe_of_strata(value, [(1.0, positives, negatives)], z=z)


def newcombe_of_strata(
    value: float, strata: Sequence[tuple[float, float, float]], *, z: float
) -> tuple[float, float]:
    """As `newcombe_interval`, of a mean AUC of parts without a woman in common: each by its weight
    and its counts with and without cancer.
    """

    def is_too_far(truth: float) -> bool:
        variance = 0.0
        for weight, positives, negatives in strata:
            rest = (positives + negatives) / 2 - 1
            variance += weight**2 * _exponential_variance(
                truth, positives, negatives, rest_positives=rest, rest_negatives=rest
            )
        return abs(value - truth) > z * math.sqrt(max(0.0, variance))

    return _edge(0.0, value, is_too_far), _edge(1.0, value, is_too_far)


def _edge(outside: float, inside: float, is_too_far: Callable[[float], bool]) -> float:
    """Where `is_too_far` turns, found by halving; `outside` itself where nothing is too far."""
    for _ in range(60):
        middle = (outside + inside) / 2
        if is_too_far(middle):
            outside = middle
        else:
            inside = middle
    return inside


def _exponential_variance(
    value: float,
    positives: float,
    negatives: float,
    *,
    rest_positives: float,
    rest_negatives: float,
) -> float:
    spread = (
        1
        + rest_positives * (1 - value) / (2 - value)  # two cancers, one case without
        + rest_negatives * value / (1 + value)  # one cancer, two cases without
    )
    return value * (1 - value) * spread / (positives * negatives)


def _sums(groups: NDArray[np.intp], values: Floats) -> Floats:
    return np.bincount(groups, weights=values).astype(np.float64)


def _correction(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else 1.0


CONFIDENCE: Final = 0.95
FEWEST_GROUPS: Final = 30  # below it no variance between women is trusted
#: Women of the smaller class below which the interval of an AUC is Newcombe's: from so few the
#: variance of a high AUC is found too small, and what should hold in 95 % held in 87 to 91 %
#: (benchmarks/coverage.md).
FEWEST_OF_CLASS: Final = 50
#: Effective cases below which the interval of a rate is Clopper and Pearson's: with a threshold at
#: the lowest of three cancers Wilson's holds the sensitivity in 91.6 % (1 - its lower end cubed).
FEWEST_OF_SHARE: Final = 5
#: Women of the smaller class times what an AUC lacks to 1, or to 0: the few ranked wrongly, on whom
#: its variance rests. Of 60 women the difference of .97 and .99 held in 91 %.
FEWEST_MISRANKED: Final = 5
#: In the place of 1.96 where a threshold is the best of all on these very cases, as by F1: its
#: rates are too good, and what should hold in 95 % held in 84 to 94 % (benchmarks/coverage.md). Of
#: fewer women than `FEWEST_OF_CLASS` nothing that is so simple holds: there is no interval.
PICKED_QUANTILE: Final = 2.5


class IntervalMethod(StrEnum):
    """How an interval was made, in the words shown beside it."""

    DELONG = "DeLong"
    OBUCHOWSKI = "Obuchowski, by woman"
    NEWCOMBE = "Newcombe, by woman"
    BOOTSTRAP = "bootstrap, by woman"
    LINEARISED = "linearised, by woman"
    WILSON = "Wilson"
    WILSON_CLUSTERED = "Wilson, by woman"
    EXACT = "Clopper-Pearson, of few"
    PICKED = "Wilson, wider: best threshold"
    PICKED_OF_FEW = "none: best threshold of few women"
    NONE = "no cases"
    UNNAMED = "women not all known: too narrow"


def range_in_words(low: float, high: float, form: str = ".3f") -> str:
    return f"95 % {low:{form}} to {high:{form}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An area under a curve with its interval and what it rests on."""

    value: float
    low: float
    high: float
    method: IntervalMethod
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
    method: IntervalMethod

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else float("nan")

    @property
    def is_told(self) -> bool:
        """Whether there is an interval; without one the value looks surer than it is."""
        return math.isfinite(self.low)


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
    if is_of_few(parts):
        method = IntervalMethod.NEWCOMBE
        low, high = newcombe_of(cases)
    else:
        method = IntervalMethod.DELONG if cases.is_one_per_group else IntervalMethod.OBUCHOWSKI
        half = t_quantile(parts) * math.sqrt(auc_covariance(parts, parts))
        low, high = logit_interval(parts.value, half)
    return Estimate(
        value=parts.value,
        low=low,
        high=high,
        method=IntervalMethod.UNNAMED if cases.unnamed else method,
        positives=cases.positives,
        negatives=cases.negatives,
        groups=cases.group_count,
    )


def is_of_few(parts: AucParts) -> bool:
    """Whether the variance found is not to be trusted, so that the interval is Newcombe's."""
    fewest = min(parts.groups_with_cancer, parts.groups_without)
    misranked = fewest * min(parts.value, 1 - parts.value)
    is_flat = auc_covariance(parts, parts) <= 0.0
    return fewest < FEWEST_OF_CLASS or misranked < FEWEST_MISRANKED or is_flat


def newcombe_of(cases: Cases, *, z: float | None = None) -> tuple[float, float]:
    """The interval for few women: each class counts as its effective number of women."""
    return newcombe_interval(
        auc_of(cases.score, cases.positive),
        *effective_women(cases),
        z=normal_quantile() if z is None else z,
    )


def effective_women(cases: Cases) -> tuple[float, float]:
    """Women with cancer and without, as many as would tell as much."""
    groups, positive = cases.groups, cases.positive
    return effective_groups(groups[positive]), effective_groups(groups[~positive])


def rate_with_interval(
    hits: NDArray[np.bool_], groups: NDArray[np.intp], *, z: float | None = None
) -> Rate:
    """The share of hits among cases with the 95 % interval that is valid for their groups; `z` in
    the place of 1.96 makes it wider.
    """
    count, total = int(hits.sum()), len(hits)
    women = int(np.count_nonzero(np.bincount(groups)))
    if total == 0:
        low, high, method = float("nan"), float("nan"), IntervalMethod.NONE
    else:
        effective = effective_cases(hits, groups)
        low, high = share_interval(count / total, effective, z=z)
        method = IntervalMethod.WILSON if women == total else IntervalMethod.WILSON_CLUSTERED
        method = IntervalMethod.EXACT if effective < FEWEST_OF_SHARE else method
    return Rate(count=count, total=total, groups=women, low=low, high=high, method=method)


def rates_at(cases: Cases, threshold: float, *, is_picked: bool = False) -> RatesAtThreshold:
    """Every rate at `threshold` with its interval. `is_picked` where it is the best of all on these
    very cases (`Aim.is_picked`): then the interval is wider, and of few women there is none.
    """
    called = cases.score >= threshold
    z = PICKED_QUANTILE if is_picked else None
    is_of_few = is_picked and women_of_smaller_class(cases) < FEWEST_OF_CLASS

    def rate(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Rate:
        found = rate_with_interval(hits[among], cases.groups[among], z=z)
        if not found.total:
            return found
        if is_of_few:
            return without_interval(found)
        if cases.unnamed:
            return replace(found, method=IntervalMethod.UNNAMED)
        return replace(found, method=IntervalMethod.PICKED) if is_picked else found

    return RatesAtThreshold(
        point=operating_point(cases, threshold),
        sensitivity=rate(called, cases.positive),
        specificity=rate(~called, ~cases.positive),
        recall_rate=rate(called, np.ones(len(cases), dtype=bool)),
        ppv=rate(cases.positive, called),
        npv=rate(~cases.positive, ~called),
    )


def women_of_smaller_class(cases: Cases) -> int:
    """Women with cancer or women without, whoever are fewer."""
    sides = (cases.groups[cases.positive], cases.groups[~cases.positive])
    return min(len(np.unique(side)) for side in sides)


def without_interval(rate: Rate) -> Rate:
    """`rate` where its threshold is the best of too few women: what it is worth is not known."""
    nothing = float("nan")
    return replace(rate, low=nothing, high=nothing, method=IntervalMethod.PICKED_OF_FEW)


def share_interval(share: float, total: float, *, z: float | None = None) -> tuple[float, float]:
    """Of so many effective cases: Wilson's, of fewer than `FEWEST_OF_SHARE` the exact one."""
    if total >= FEWEST_OF_SHARE:
        return wilson_interval(share, total, z=z)
    tail = float(ndtr(-(normal_quantile() if z is None else z)))
    hits = share * total
    low = float(betaincinv(hits, total - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, total - hits, 1 - tail)) if hits < total else 1.0
    return low, high


def wilson_interval(share: float, total: float, *, z: float | None = None) -> tuple[float, float]:
    """Wilson (1927), Journal of the American Statistical Association 22:209."""
    z = normal_quantile() if z is None else z
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


def t_quantile(of: AucParts | Cases) -> float:
    """Student's t on the women of the smaller class: a handful of cancers is a small sample."""
    return float(stdtrit(degrees_of_freedom(of), (1 + CONFIDENCE) / 2))


def degrees_of_freedom(of: AucParts | Cases) -> int:
    if isinstance(of, AucParts):
        return max(1, min(of.groups_with_cancer, of.groups_without) - 1)
    return max(1, women_of_smaller_class(of) - 1)


def normal_quantile() -> float:
    return float(ndtri((1 + CONFIDENCE) / 2))


def need_both_classes(cases: Cases, *, what: str = "an AUC") -> None:
    if cases.positives and cases.negatives:
        return
    lacking = f"{'without' if cases.positives else 'with'} {cases.finding.one}"
    raise TableError(
        f"There is no case {lacking} among these {len(cases)}, so {what} cannot be computed."
    )


def logit_interval(value: float, half: float) -> tuple[float, float]:
    """`value` plus and minus `half`, made on the log-odds scale so that it stays within 0..1.

    Pepe (2003), section 5.2.4.
    """
    odds, half = math.log(value / (1 - value)), half / (value * (1 - value))
    return float(expit(odds - half)), float(expit(odds + half))


RESAMPLES: Final = 2000
_CELLS_AT_ONCE: Final = 2_000_000  # keeps a chunk of resamples within the processor's cache


def drawn_interval(values: Floats) -> tuple[float, float] | None:
    """The middle 95 % of the draws; None where some say nothing, or all say the same."""
    if not np.isfinite(values).all() or np.ptp(values) == 0.0:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(values, [tail, 1 - tail]))
    return low, high


def resampled_weights(
    strata: NDArray[np.intp], *, resamples: int, seed: int
) -> Iterator[NDArray[np.int32]]:
    """Chunks (resamples, groups): how often each group was drawn, each stratum on its own."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    chunk = max(1, _CELLS_AT_ONCE // len(strata))
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        weights = np.empty((rows, len(strata)), dtype=np.int32)
        offsets = np.arange(rows)[:, None]
        for group in members:
            drawn = rng.integers(0, len(group), size=(rows, len(group))) + offsets * len(group)
            counts = np.bincount(drawn.ravel(), minlength=rows * len(group))
            weights[:, group] = counts.reshape(rows, len(group))
        yield weights


def strata_of(positive: NDArray[np.bool_], groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """1 for groups with a cancer, 0 for the others: resamples keep both numbers as they are."""
    return (np.bincount(groups, weights=positive) > 0).astype(np.intp)


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
