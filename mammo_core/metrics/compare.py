"""Several models over the same cases: which cases they share, whether their AUCs and rates can be
told apart, what the luck of a seed explains, and what mere guessing reaches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtr, stdtr, stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    FEWEST_GROUPS,
    IntervalMethod,
    auc_covariance,
    auc_of,
    auc_parts,
    degrees_of_freedom,
    effective_cases,
    need_both_classes,
    newcombe_of,
    range_in_words,
    t_quantile,
    wilson_interval,
)
from mammo_core.words import many


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
    """AUC of one model minus AUC of another over the same cases, paired by woman."""

    value: float
    low: float
    high: float
    p_value: float | None  # None where there are too few women for a test
    method: IntervalMethod
    cases: int
    groups: int

    @property
    def is_clear(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The model that ranks best against another; p as Holm corrects it for all that were made."""

    best: str
    other: str
    difference: Difference
    holm_p: float | None

    @property
    def is_clear(self) -> bool:
        """By the interval, and still after the correction for looking several times."""
        return self.difference.is_clear and (self.holm_p is None or self.holm_p < 1 - CONFIDENCE)

    @property
    def sentence(self) -> str:
        """What the difference allows to be said, and nothing more."""
        d = self.difference
        basis = f"these {many(d.cases, 'case', 'cases')} of {many(d.groups, 'woman', 'women')}"
        spread = f"difference in AUC {d.value:.3f}, {range_in_words(d.low, d.high, '+.3f')}"
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


def auc_difference(one: Cases, other: Cases) -> Difference:
    """How much better `one` ranks than `other`; both must be of one `share_cases`."""
    if one.case_ids != other.case_ids:
        raise TableError("A paired difference needs the same cases in the same order.")
    need_both_classes(one)
    first, second = (auc_parts(m.score, m.positive, m.groups) for m in (one, other))
    value = first.value - second.value
    variance = (
        auc_covariance(first, first)
        + auc_covariance(second, second)
        - 2 * auc_covariance(first, second)
    )
    if one.group_count < FEWEST_GROUPS or variance <= 1e-12:
        low, high = _unpaired_interval(one, other)
        return Difference(
            value=value, low=low, high=high, p_value=None, method=IntervalMethod.NEWCOMBE,
            cases=len(one), groups=one.group_count,
        )  # fmt: skip
    error = math.sqrt(variance)
    half = t_quantile(first) * error
    return Difference(
        value=value,
        low=max(-1.0, value - half),
        high=min(1.0, value + half),
        p_value=float(2 * stdtr(degrees_of_freedom(first), -abs(value) / error)),
        method=IntervalMethod.DELONG if one.is_one_per_group else IntervalMethod.OBUCHOWSKI,
        cases=len(one),
        groups=one.group_count,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm (1979): p values that may be read together, in the order given."""
    order = np.argsort(p_values)
    raised = np.asarray(p_values)[order] * (len(p_values) - np.arange(len(p_values)))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return [float(value) for value in adjusted]


def compare_to_best(names: Sequence[str], models: Sequence[Cases]) -> list[Comparison]:
    """The model with the highest AUC against each of the others, in the order given."""
    aucs = [auc_of(model.score, model.positive) for model in models]
    best = int(np.argmax(aucs))
    others = [number for number in range(len(models)) if number != best]
    differences = [auc_difference(models[best], models[number]) for number in others]
    adjusted = iter(holm([d.p_value for d in differences if d.p_value is not None]))
    return [
        Comparison(
            best=names[best],
            other=names[number],
            difference=difference,
            holm_p=None if difference.p_value is None else next(adjusted),
        )
        for number, difference in zip(others, differences, strict=True)
    ]


def _unpaired_interval(one: Cases, other: Cases) -> tuple[float, float]:
    """Newcombe's two intervals squared and added, as if the cases were not shared: too wide
    rather than too narrow, and alive where the variance is 0."""
    (low, high), (other_low, other_high) = newcombe_of(one), newcombe_of(other)
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


Hits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDifference:
    """One rate minus the other; `only_one` and `only_other` are the cases on which they differ."""

    value: float
    low: float
    high: float
    p_value: float
    only_one: int
    only_other: int
    cases: int
    groups: int

    @property
    def is_clear(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


def rate_difference(one: Hits, other: Hits, groups: NDArray[np.intp]) -> RateDifference:
    """`one` and `other` are hits on the same cases; there must be at least one case.

    The interval squares and adds two Wilson intervals less what the pairing explains (Newcombe
    1998, Statistics in Medicine 17:2635, method 10), on effective cases where women repeat. The p
    is McNemar's, exact, where every case is its own woman; else a t test over women.
    """
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    shares = float(one.mean()), float(other.mean())
    (low, high), (other_low, other_high) = (
        wilson_interval(share, effective_cases(hits, groups))
        for share, hits in zip(shares, (one, other), strict=True)
    )
    phi = _correlation(one, other)
    value = shares[0] - shares[1]
    below, above = shares[0] - low, other_high - shares[1]
    beyond, beneath = high - shares[0], shares[1] - other_low
    women = int(np.count_nonzero(np.bincount(groups)))
    return RateDifference(
        value=value,
        low=max(-1.0, value - _root(below**2 - 2 * phi * below * above + above**2)),
        high=min(1.0, value + _root(beyond**2 - 2 * phi * beyond * beneath + beneath**2)),
        p_value=mcnemar(only_one, only_other)
        if women == len(one)
        else _clustered_p(one, other, groups),
        only_one=only_one,
        only_other=only_other,
        cases=len(one),
        groups=women,
    )


def mcnemar(only_one: int, only_other: int) -> float:
    """The exact two-sided p: a fair coin for every case on which the models differ."""
    differing = only_one + only_other
    if differing == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_one, only_other), differing, 0.5)))


def _clustered_p(one: Hits, other: Hits, groups: NDArray[np.intp]) -> float:
    """Obuchowski (1998), Statistics in Medicine 17:1495: women's summed differences against 0."""
    pull = np.bincount(groups, weights=one.astype(float) - other)
    spread = float(pull @ pull)
    women = int(np.count_nonzero(np.bincount(groups)))
    if spread == 0.0 or women < 2:
        return 1.0
    statistic = abs(float(pull.sum())) / math.sqrt(spread * women / (women - 1))
    return min(1.0, 2 * float(stdtr(women - 1, -statistic)))


def _correlation(one: Hits, other: Hits) -> float:
    if one.all() or other.all() or not one.any() or not other.any():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _root(square: float) -> float:
    return math.sqrt(max(0.0, square))  # rounding may leave a hair below 0


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
