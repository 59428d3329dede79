"""Several models over the same cases: which cases they share, whether their AUCs can be told apart,
what the luck of a seed explains, and what mere guessing reaches.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtr, stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    FEWEST_GROUPS,
    AucParts,
    IntervalMethod,
    auc_covariance,
    auc_of,
    auc_parts,
    degrees_of_freedom,
    effective_women,
    is_of_few,
    logit_interval,
    need_both_classes,
    newcombe_interval,
    newcombe_of,
    range_in_words,
)
from mammo_core.words import many

_DRAWN: Final = 20_000
_NO_VARIANCE: Final = 1e-12
_FURTHEST: Final = 40.0  # standard errors; nothing lies so far by chance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedCases:
    """The same cases in the same order, once per model."""

    cases: tuple[Cases, ...]
    left_out: tuple[int, ...]  # per model, its cases that some other model lacks
    disagreeing: int  # cases left out because the models' tables differ on the truth

    @property
    def is_complete(self) -> bool:
        return not any(self.left_out) and not self.disagreeing


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one model reaches minus what another does over the same cases, paired by woman."""

    value: float
    low: float
    high: float
    p_value: float | None  # None where there are too few women for a test
    method: IntervalMethod
    cases: int
    groups: int
    compared: int = 2  # models among whom these two were picked; interval and p allow for it

    @property
    def is_clear(self) -> bool:
        """By the p, which the interval follows; by the interval where there is no test."""
        if self.p_value is None:
            return self.low > 0.0 or self.high < 0.0
        return self.p_value < 1 - CONFIDENCE

    @property
    def p_in_words(self) -> str:
        if self.p_value is None:
            return "no test"
        return "< 0.001" if self.p_value < 0.001 else f"{self.p_value:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The model that ranks best against another."""

    best: str
    other: str
    difference: Difference

    @property
    def is_clear(self) -> bool:
        return self.difference.is_clear

    @property
    def sentence(self) -> str:
        """What the difference allows to be said, and nothing more."""
        d = self.difference
        basis = f"these {many(d.cases, 'case', 'cases')} of {many(d.groups, 'woman', 'women')}"
        spread = f"difference in AUC {d.value:.3f}, {range_in_words(d.low, d.high, '+.3f')}"
        if d.compared > 2:
            spread += f", corrected for picking the best of {d.compared}"
        if self.is_clear:
            return f"{self.best} ranks {basis} better than {self.other} ({spread})."
        return f"{self.best} and {self.other} cannot be told apart with {basis} ({spread})."


def share_cases(models: Sequence[Cases]) -> SharedCases:
    """Only the cases that every model scored and on whose truth all tables agree.

    A table that names no data set is taken to be of the same: its cases must have the same names.
    """
    datasets = sorted({cases.dataset for cases in models if cases.dataset})
    levels = sorted({cases.level for cases in models})
    if len(datasets) > 1 or len(levels) > 1:
        different = datasets if len(datasets) > 1 else levels
        raise TableError(
            f"These predictions are of different cases ({', '.join(map(str, different))}), so the "
            "models cannot be compared. Choose predictions of one data set, counted alike."
        )
    names = set(models[0].case_ids).intersection(*(cases.case_ids for cases in models[1:]))
    if not names:
        raise TableError("These predictions have no case in common, so they cannot be compared.")
    shared = pd.Index(sorted(names))
    rows = [pd.Index(cases.case_ids).get_indexer(shared) for cases in models]
    truths = np.stack([cases.positive[row] for cases, row in zip(models, rows, strict=True)])
    agree = (truths == truths[0]).all(axis=0)
    if not agree.any():
        raise TableError("The tables agree on the truth of no case. Do their labels differ?")
    return SharedCases(
        cases=tuple(taken(c, row[agree]) for c, row in zip(models, rows, strict=True)),
        left_out=tuple(len(cases) - len(shared) for cases in models),
        disagreeing=int((~agree).sum()),
    )


def in_order_of(like: Cases, cases: Cases) -> Cases | None:
    """The cases of `like` as `cases` scores them; None where one lacks or its truth differs."""
    rows = pd.Index(cases.case_ids).get_indexer(pd.Index(like.case_ids))
    if (rows < 0).any() or (cases.positive[rows] != like.positive).any():
        return None
    return taken(cases, rows)


def auc_difference(one: Cases, other: Cases, *, among: "AmongAll | None" = None) -> Difference:
    """How much better `one` ranks than `other`; both must be of one `share_cases`. Where they were
    picked `among` several, interval and p are those of all pairs at once. Both follow the intervals
    that the two AUCs have by themselves. DeLong's own is symmetric, which a high AUC is not: of 10
    women with cancer it held the difference of .95 and .90 in 87 %, and from 50 on it missed it on
    one side, so that a model worse by a margin met it in 4 of 100 (benchmarks/coverage.md).
    """
    if one.case_ids != other.case_ids:
        raise TableError("A paired difference needs the same cases in the same order.")
    need_both_classes(one)
    first, second = (auc_parts(m.score, m.positive, m.groups) for m in (one, other))
    variance = (
        auc_covariance(first, first)
        + auc_covariance(second, second)
        - 2 * auc_covariance(first, second)
    )
    pairs = among or AmongAll(models=2, freedom=degrees_of_freedom(first))
    if one.group_count < FEWEST_GROUPS or variance <= _NO_VARIANCE:
        low, high = _unpaired_interval(one, other, z=pairs.normal_quantile)
        return Difference(
            value=first.value - second.value, low=low, high=high, p_value=None,
            method=IntervalMethod.UNNAMED if one.unnamed else IntervalMethod.NEWCOMBE,
            cases=len(one), groups=one.group_count, compared=pairs.models,
        )  # fmt: skip
    return _paired(first, second, of=one, among=pairs)


def _paired(first: AucParts, second: AucParts, *, of: Cases, among: "AmongAll") -> Difference:
    """p is by how many standard errors the interval just reaches 0. Student's t also where the
    intervals are Newcombe's, as what is shared is found from the few women, too: with 1.96 the
    difference of .70 and .60 of 10 women with cancer was held in 91 %.
    """
    women = effective_women(of)
    value, shared = first.value - second.value, auc_covariance(first, second)

    def ends(z: float) -> tuple[float, float]:
        return squared_and_added((first, second), (women, women), shared=shared, z=z)

    def nearer_end(z: float) -> float:
        low, high = ends(z)
        return low if value > 0 else -high

    low, high = ends(among.quantile)
    return Difference(
        value=value, low=low, high=high,
        p_value=among.p_of(_reaches_zero(nearer_end, among.quantile)) if value else 1.0,
        method=_method((first, second), of),
        cases=len(of), groups=of.group_count, compared=among.models,
    )  # fmt: skip


def squared_and_added(
    both: tuple[AucParts, AucParts],
    women: tuple[tuple[float, float], tuple[float, float]],
    *,
    shared: float,
    z: float,
) -> tuple[float, float]:
    """The interval of the first AUC less the second: those of both squared and added, less what
    they share, a covariance (Zou 2007, Psychological Methods 12:399). `women`, of each: effective
    numbers with cancer and without.
    """
    first, second = both
    (low, high), (other_low, other_high) = (
        _own_interval(parts, counts, z=z) for parts, counts in zip(both, women, strict=True)
    )
    fewest = min(min(counts) for counts in women)
    value, alike = first.value - second.value, _correlation(first, second, shared, fewest)
    below = apart(first.value - low, other_high - second.value, alike)
    above = apart(high - first.value, second.value - other_low, alike)
    return max(-1.0, value - below), min(1.0, value + above)


def _own_interval(parts: AucParts, women: tuple[float, float], *, z: float) -> tuple[float, float]:
    """As of a single AUC."""
    if is_of_few(parts):
        return newcombe_interval(parts.value, *women, z=z)
    return logit_interval(parts.value, z * math.sqrt(auc_covariance(parts, parts)))


def _method(both: Sequence[AucParts], of: Cases) -> IntervalMethod:
    if of.unnamed:
        return IntervalMethod.UNNAMED
    if any(map(is_of_few, both)):
        return IntervalMethod.NEWCOMBE
    return IntervalMethod.DELONG if of.is_one_per_group else IntervalMethod.OBUCHOWSKI


def _correlation(first: AucParts, second: AucParts, shared: float, women: float) -> float:
    """Drawn towards 0 by 1/(2n), as Newcombe's method 10 (1998) draws phi, though by less: of few,
    that the AUCs move together is partly chance. Chosen by simulation: without it a model worse by
    the margin met it in 34 to 38 of 1,000 (10 women with cancer, .60 against .70). 0 where one
    ranks without a fault, so that no variance is seen.
    """
    spread = math.sqrt(auc_covariance(first, first) * auc_covariance(second, second))
    if spread <= 0:
        return 0.0
    found = max(-1.0, min(1.0, shared / spread))
    return max(0.0, found - 1 / (2 * women)) if found > 0 else found


def apart(one: float, other: float, correlation: float) -> float:
    """The distances of two ends from their values, of figures so much alike, squared and added."""
    return math.sqrt(max(0.0, one**2 - 2 * correlation * one * other + other**2))


def _reaches_zero(end: Callable[[float], float], quantile: float) -> float:
    """How many standard errors bring `end` down to 0; on the side of `quantile` where the interval
    itself lies, so that p and interval never disagree.
    """
    near, far = (quantile, _FURTHEST) if end(quantile) > 0 else (0.0, quantile)
    if end(near) <= 0:  # equal but for rounding
        return near
    return far if end(far) > 0 else float(brentq(end, near, far, xtol=1e-6))


def difference_of(
    value: float, error: float, *, of: Cases, among: "AmongAll", method: IntervalMethod
) -> Difference:
    """From the standard `error` that a paired difference over the cases `of` has, above 0."""
    half = among.quantile * error
    return Difference(
        value=value,
        low=max(-1.0, value - half),
        high=min(1.0, value + half),
        p_value=among.p_of(abs(value) / error),
        method=IntervalMethod.UNNAMED if of.unnamed else method,
        cases=len(of),
        groups=of.group_count,
        compared=among.models,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AmongAll:
    """How far apart equal models lie by chance where the two furthest apart are looked at: in
    standard errors, rising, as drawn; empty for two models, whose Student's t is exact.
    """

    models: int
    freedom: int
    furthest: tuple[float, ...] = ()

    @property
    def quantile(self) -> float:
        if self.furthest:
            return float(np.quantile(self.furthest, CONFIDENCE))
        return float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2))

    @property
    def normal_quantile(self) -> float:
        """For intervals that do not know of the others: Bonferroni over all pairs."""
        return float(ndtri(1 - (1 - CONFIDENCE) / 2 / math.comb(self.models, 2)))

    def p_of(self, distance: float) -> float:
        if not self.furthest:
            return float(2 * stdtr(self.freedom, -distance))
        beyond = len(self.furthest) - bisect_left(self.furthest, distance)
        return (1 + beyond) / (1 + len(self.furthest))


def among_all(covariance: NDArray[np.float64], freedom: int, *, seed: int = 0) -> AmongAll:
    """Of models whose figures have this covariance. All pairs are counted because which is best was
    seen on the same cases: Tukey's range, for figures that depend on each other (single-step max-t
    of Hothorn, Bretz and Westfall 2008, Biometrical Journal 50:346), by drawing.
    """
    models = len(covariance)
    if models < 3:
        return AmongAll(models=2, freedom=freedom)
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn = rng.standard_normal((_DRAWN, models)) @ root.T
    drawn /= np.sqrt(rng.chisquare(freedom, _DRAWN) / freedom)[:, None]
    furthest = np.zeros(_DRAWN)
    for one, other in combinations(range(models), 2):
        variance = covariance[one, one] + covariance[other, other] - 2 * covariance[one, other]
        if variance > _NO_VARIANCE:
            apart = np.abs(drawn[:, one] - drawn[:, other]) / math.sqrt(variance)
            np.maximum(furthest, apart, out=furthest)
    return AmongAll(models=models, freedom=freedom, furthest=tuple(np.sort(furthest).tolist()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm (1979): p values that may be read together, in the order given."""
    order = np.argsort(p_values)
    raised = np.asarray(p_values)[order] * (len(p_values) - np.arange(len(p_values)))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return [float(value) for value in adjusted]


def compare_to_best(names: Sequence[str], models: Sequence[Cases]) -> list[Comparison]:
    """The model with the highest AUC against each of the others, in the order given."""
    parts = [auc_parts(model.score, model.positive, model.groups) for model in models]
    best = int(np.argmax([part.value for part in parts]))
    covariance = np.array([[auc_covariance(one, other) for other in parts] for one in parts])
    among = among_all(covariance, degrees_of_freedom(parts[best]))
    return [
        Comparison(
            best=names[best],
            other=names[number],
            difference=auc_difference(models[best], models[number], among=among),
        )
        for number in range(len(models))
        if number != best
    ]


def _unpaired_interval(one: Cases, other: Cases, *, z: float) -> tuple[float, float]:
    """Newcombe's two intervals squared and added, as if the cases were not shared: too wide
    rather than too narrow, and alive where the variance is 0."""
    (low, high), (other_low, other_high) = newcombe_of(one, z=z), newcombe_of(other, z=z)
    first = auc_parts(one.score, one.positive, one.groups).value
    second = auc_parts(other.score, other.positive, other.groups).value
    below = math.hypot(first - low, other_high - second)
    above = math.hypot(high - first, second - other_low)
    return first - second - below, first - second + above


def taken(cases: Cases, rows: NDArray[np.intp]) -> Cases:
    """Some of `cases`, their women numbered anew."""
    return replace(
        cases,
        case_ids=tuple(cases.case_ids[row] for row in rows),
        groups=pd.factorize(cases.groups[rows])[0],
        positive=cases.positive[rows],
        score=cases.score[rows],
        images=cases.images[rows],
    )


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
        f"({range_in_words(difference.low, difference.high, '+.3f')})"
    )
    if difference.is_clear:
        return f"{spread}, more than the luck of training explains."
    return f"{spread}: the luck of training can explain it, so the recipes are not told apart."


_DRAWS: Final = 21


def guess_majority(cases: Cases) -> Cases:
    """One score for everybody: the share with cancer. It ranks nothing."""
    return replace(cases, score=np.full(len(cases), cases.positives / len(cases)))


def guess_randomly(cases: Cases, *, seed: int = 0) -> Cases:
    """Scores drawn evenly, in the order of the case ids, so that no table's order decides them.

    One draw may be lucky: of several, the one in the middle by AUC stands for guessing.
    """
    order = np.argsort(np.array(cases.case_ids))
    draws = np.random.default_rng(seed).random((_DRAWS, len(cases)))
    scores = np.empty_like(draws)
    scores[:, order] = draws
    by_auc = np.argsort([auc_of(score, cases.positive) for score in scores], kind="stable")
    return replace(cases, score=scores[by_auc[_DRAWS // 2]])


def says_one_thing(cases: Cases) -> bool:
    """Whether every case has the same score: the AUC is then .5 by definition, without chance."""
    return bool(len(cases) and (cases.score == cases.score[0]).all())
