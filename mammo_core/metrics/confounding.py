"""What an AUC owes to something else than cancer: to age, density, sites and machines, or to
counting one breast of some women and two of others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases, Pooling, pool_cases, why_no_auc
from mammo_core.metrics.compare import Difference, auc_difference
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    FEWEST_OF_CLASS,
    AucParts,
    Estimate,
    IntervalMethod,
    auc_covariance,
    auc_parts,
    auc_with_interval,
    effective_groups,
    logit_interval,
    need_both_classes,
    newcombe_interval,
    newcombe_of_strata,
    normal_quantile,
    range_in_words,
    t_quantile,
)
from mammo_core.types import Level
from mammo_core.words import CANCERS, CalledFor

Floats = NDArray[np.float64]

CONFOUNDERS: Final = ("age", "density", "site", "machine")
FOLDS: Final = 5
_EDGE: Final = 1e-6
_NO_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """AUC of the confounders alone, of confounders and score together, and the difference."""

    level: Level  # whose cases were counted
    confounders: tuple[str, ...]
    alone: Estimate
    together: Estimate
    added: Difference

    @property
    def sentence(self) -> str:
        names = ", ".join(self.confounders)
        start = (
            f"By {self.level}, what is known without the image ({names}) reaches AUC "
            f"{self.alone.value:.3f} ({range_in_words(self.alone.low, self.alone.high)}). With the "
            f"score beside it {self.together.value:.3f}: the score adds {self.added.value:+.3f} "
            f"({range_in_words(self.added.low, self.added.high, '+.3f')})"
        )
        if self.added.low > 0:
            return f"{start}."
        return f"{start}, so it cannot be told from adding nothing."


def is_label(table: pd.DataFrame, column: str) -> bool:
    """Whether `column` is what the images are labelled by, as density where a model learns that: it
    guesses nothing, it is the answer.
    """
    told, label = (table[name].astype("string").fillna("") for name in (column, "label"))
    return bool(((told == label) & (label != "")).all())


def beyond_confounders(
    predictions: pd.DataFrame, *, level: Level, rule: Pooling, seed: int = 0
) -> Beyond | None:
    """None where no confounder varies, where an AUC would mean nothing or women are too few."""
    known = predictions[predictions["positive"].notna()]
    columns = [
        name for name in CONFOUNDERS if known[name].nunique() > 1 and not is_label(known, name)
    ]
    if not columns or why_no_auc(pool_cases(known, level, rule)):
        return None
    positive = known["positive"].to_numpy(dtype=bool)
    folds = folds_of(known["group_id"], positive, seed=seed)
    if folds is None:
        return None
    alone, together = (
        pool_cases(known.assign(score=guessed), level, rule)
        for guessed in _without_and_with(known[columns], log_odds_of(known), positive, folds)
    )
    return Beyond(
        level=level,
        confounders=tuple(columns),
        alone=auc_with_interval(alone),
        together=auc_with_interval(together),
        added=auc_difference(together, alone),
    )


def _without_and_with(
    table: pd.DataFrame, score: Floats, positive: NDArray[np.bool_], folds: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """As `out_of_fold` guesses from the table, and from table and score: encoded once for both."""
    guessed = np.empty((2, len(table)))
    for fold in np.unique(folds):
        seen = folds != fold
        known = encoding_of(table[seen]).of(table)
        both = np.column_stack([known, (score - score[seen].mean()) / _spread(score[seen])])
        for place, block in enumerate((known, both)):
            guessed[place, ~seen] = _guessed(block, positive, seen)
    return guessed[0], guessed[1]


def _guessed(
    block: Floats, positive: NDArray[np.bool_], seen: NDArray[np.bool_], *, shrinkage: float = 1.0
) -> Floats:
    """The probability of cancer of the other rows, as learnt from those that are `seen`; on one
    core, as several wait for each other at every little step.
    """
    from sklearn.linear_model import LogisticRegression  # most of a second, when it is needed
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(C=shrinkage, max_iter=5000)
    with threadpool_limits(1, user_api="blas"):
        model.fit(block[seen], positive[seen])
        guessed: Floats = model.predict_proba(block[~seen])[:, 1]
    return guessed


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """A table as a regression takes it: numbers scaled, words one column each; that a value is
    missing is a value of its own. All as in the table it was made of.
    """

    numbers: dict[str, float]  # and what stands for a missing one
    gaps: tuple[str, ...]  # numbers that may be missing
    words: dict[str, "pd.Index[Any]"]
    mean: Floats
    spread: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        words = [f"{name}_{value}" for name, values in self.words.items() for value in values]
        return (*self.numbers, *(f"{name} missing" for name in self.gaps), *words)

    def of(self, table: pd.DataFrame) -> Floats:
        """A word that was not there is none of the words."""
        numbers = (_numbers(table, self.numbers, self.gaps) - self.mean) / self.spread
        words = [
            np.eye(len(values) + 1)[values.get_indexer(pd.Index(_words(table[name])))][:, :-1]
            for name, values in self.words.items()
        ]
        return np.hstack([numbers, *words])


def encoding_of(table: pd.DataFrame) -> Encoding:
    is_number = {str(name): pd.api.types.is_numeric_dtype(table[name]) for name in table}
    values = {name: _floats(table[name]) for name, yes in is_number.items() if yes}
    gaps = tuple(name for name, column in values.items() if np.isnan(column).any())
    medians = {
        name: 0.0 if np.isnan(column).all() else float(np.nanmedian(column))
        for name, column in values.items()
    }
    raw = _numbers(table, medians, gaps)
    words: dict[str, pd.Index[Any]] = {
        name: pd.Index(np.unique(_words(table[name])))
        for name, is_told in is_number.items()
        if not is_told
    }
    return Encoding(
        numbers=medians, gaps=gaps, words=words, mean=raw.mean(axis=0), spread=_spread(raw)
    )


def _numbers(table: pd.DataFrame, medians: dict[str, float], gaps: tuple[str, ...]) -> Floats:
    values = {name: _floats(table[name]) for name in medians}
    filled = [np.where(np.isnan(values[name]), medians[name], values[name]) for name in medians]
    told = [np.isnan(values[name]).astype(np.float64) for name in gaps]
    return np.stack([*filled, *told], axis=1) if values else np.empty((len(table), 0))


def _spread(values: Floats) -> Floats:
    """What to divide by; a column that is constant stays as it is."""
    found = values.std(axis=0)
    return np.where(found > _NO_SPREAD * np.maximum(1.0, np.abs(values).max(axis=0)), found, 1.0)


def _floats(column: "pd.Series[Any]") -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _words(column: "pd.Series[Any]") -> NDArray[np.object_]:
    return column.astype("string").fillna("unknown").to_numpy(dtype=object)


def folds_of(
    groups: "pd.Series[str]", positive: NDArray[np.bool_], *, seed: int
) -> NDArray[np.intp] | None:
    """The fold of each image: women whole, those with cancer spread evenly; fewer folds where there
    are fewer women of a kind, and None where there is but one, or where the others of a fold are of
    one class: all women have cancer, and few a breast without. (StratifiedGroupKFold does the same
    on images, but takes seconds for ten thousand women.)
    """
    from sklearn.model_selection import StratifiedKFold

    codes = pd.factorize(groups)[0]
    has_cancer = np.bincount(codes, weights=positive) > 0
    count = min(FOLDS, *np.unique(has_cancer, return_counts=True)[1])
    if count < 2:
        return None
    fold = np.empty(len(has_cancer), dtype=np.intp)
    split = StratifiedKFold(count, shuffle=True, random_state=seed).split(has_cancer, has_cancer)
    for number, (_, held_out) in enumerate(split):
        fold[held_out] = number
    fold = fold[codes]
    rests = (positive[fold != number] for number in range(count))
    return None if any(rest.all() or not rest.any() for rest in rests) else fold


def log_odds_of(predictions: pd.DataFrame) -> Floats:
    """The scores, as a regression takes them."""
    score = np.clip(predictions["score"].to_numpy(dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(logit(score))


def out_of_fold(
    table: pd.DataFrame,
    positive: NDArray[np.bool_],
    folds: NDArray[np.intp],
    *,
    shrinkage: float = 1.0,
) -> Floats:
    """The probability of cancer of each image, by a regression that never saw its woman; a small
    `shrinkage`, its C, is for features that are many and alike.
    """
    guessed = np.empty(len(table))
    for fold in np.unique(folds):
        seen = folds != fold
        block = encoding_of(table[seen]).of(table)
        guessed[~seen] = _guessed(block, positive, seen, shrinkage=shrinkage)
    return guessed


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """AUC over all cases with a known stratum, and over pairs of one stratum."""

    column: str
    strata: int  # those with both classes
    pooled: float
    value: float
    low: float
    high: float
    excess: float  # pooled minus within
    excess_low: float
    excess_high: float
    pairs: int
    cases: int
    finding: CalledFor = CANCERS

    @property
    def is_flagged(self) -> bool:
        """Whether the pooled AUC is clearly higher than what the strata show themselves."""
        return self.excess_low > 0.0

    @property
    def sentence(self) -> str:
        spread = f"{self.value:.3f}, {range_in_words(self.low, self.high)}"
        words = f"AUC within each {self.column}: {spread} ({self.strata} with both classes)"
        if not self.is_flagged:
            return f"{words}; pooled {self.pooled:.3f}."
        return (
            f"{words}, {self.excess:.3f} "
            f"({range_in_words(self.excess_low, self.excess_high, '.3f')}) below the pooled "
            f"{self.pooled:.3f}: part of the pooled AUC tells one {self.column} from another, not "
            f"{self.finding.one} from its absence."
        )


def auc_within(cases: Cases, strata: "pd.Series[str]", *, column: str) -> Within | None:
    """None where fewer than two strata are known, or none of them has both classes."""
    known = strata.notna().to_numpy()
    codes, names = pd.factorize(strata[known])
    positive, score = cases.positive[known], cases.score[known]
    groups = pd.factorize(cases.groups[known])[0]
    parts = [
        (rows, auc_parts(score[rows], positive[rows], groups[rows]))
        for rows in (codes == code for code in range(len(names)))
        if positive[rows].any() and not positive[rows].all()
    ]
    if len(names) < 2 or not parts or len(np.unique(groups)) < FEWEST_GROUPS:
        return None
    women = int(groups.max()) + 1
    pairs = np.array([part.positives * part.negatives for _, part in parts], dtype=np.float64)
    weights = pairs / pairs.sum()
    value = float(weights @ [part.value for _, part in parts])
    pull = sum(
        (weight * _pull(part, women) for weight, (_, part) in zip(weights, parts, strict=True)),
        start=np.zeros(women),
    )
    pooled = auc_parts(score, positive, groups)
    fewest = min(pooled.groups_with_cancer, pooled.groups_without)
    quantile = t_quantile(pooled)
    half = quantile * _error(pull)
    if half <= _NO_SPREAD or fewest < FEWEST_OF_CLASS:
        low, high = _newcombe([(part, groups[rows], positive[rows]) for rows, part in parts])
    else:
        low, high = logit_interval(value, half)
    excess = pooled.value - value
    excess_half = quantile * _error(_pull(pooled, women) - pull)
    return Within(
        column=column,
        strata=len(parts),
        pooled=pooled.value,
        value=value,
        low=low,
        high=high,
        excess=excess,
        excess_low=excess - excess_half,
        excess_high=excess + excess_half,
        pairs=int(pairs.sum()),
        cases=int(known.sum()),
        finding=cases.finding,
    )


def _newcombe(
    strata: Sequence[tuple[AucParts, NDArray[np.intp], NDArray[np.bool_]]],
) -> tuple[float, float]:
    """The interval where women of a class are few, or where those of each stratum pull alike, as in
    one ranked without a mistake: by effective women, as for a pooled AUC.
    """
    pairs = np.array([part.positives * part.negatives for part, _, _ in strata], dtype=np.float64)
    weights = pairs / pairs.sum()
    value = float(weights @ [part.value for part, _, _ in strata])
    counted = [
        (
            float(weight),
            effective_groups(groups[positive]),
            effective_groups(groups[~positive]),
        )
        for weight, (_, groups, positive) in zip(weights, strata, strict=True)
    ]
    return newcombe_of_strata(value, counted, z=normal_quantile())


def _pull(part: AucParts, women: int) -> Floats:
    """How far each woman moves the AUC of a stratum; women beyond its last have no case in it."""
    pull = part.with_cancer / part.positives + part.without / part.negatives
    return np.pad(pull, (0, women - len(pull)))


def _error(pull: Floats) -> float:
    women = len(pull)
    return math.sqrt(float(pull @ pull) * women / (women - 1))


DRAWS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnAuc:
    """The mean AUC over `draws` draws of one breast per woman, all from one seed."""

    estimate: Estimate
    draws: int
    seed: int
    finding: CalledFor = CANCERS

    @property
    def sentence(self) -> str:
        e = self.estimate
        return (
            f"AUC {e.value:.3f}, {range_in_words(e.low, e.high)} ({e.method}), with one breast "
            f"drawn per woman: that with {self.finding.one}, else one of hers; the mean of "
            f"{self.draws} draws, seed {self.seed}, {e.positives:,} women with and {e.negatives:,} "
            f"without {self.finding.one}."
        )


def one_breast_auc(
    predictions: pd.DataFrame, *, finding: CalledFor = CANCERS, draws: int = DRAWS, seed: int = 0
) -> DrawnAuc:
    """Of predictions whose sides are known. A woman is one `group_id`."""
    breasts = replace(pool_cases(predictions, Level.BREAST), finding=finding)
    need_both_classes(breasts)
    starts, rows = _candidates(breasts)
    positive = breasts.positive[rows[starts]]
    if positive.all():
        raise TableError(
            f"All {len(starts)} women have {finding.one}, so none gives a breast without it. "
            "Count by breast."
        )
    rng = np.random.default_rng(seed)
    women = np.arange(len(starts))
    parts = [
        auc_parts(breasts.score[drawn], positive, women)
        for drawn in (_drawn(starts, rows, rng) for _ in range(draws))
    ]
    values = np.array([part.value for part in parts])
    value = float(values.mean())
    variance = float(np.mean([auc_covariance(p, p) for p in parts])) - float(values.var())
    counts = int(positive.sum()), int((~positive).sum())
    if min(counts) < FEWEST_OF_CLASS or variance <= 0.0:
        low, high = newcombe_interval(value, *counts, z=normal_quantile())
        method = IntervalMethod.NEWCOMBE
    else:
        low, high = logit_interval(value, t_quantile(parts[0]) * math.sqrt(variance))
        method = IntervalMethod.DELONG
    estimate = Estimate(
        value=value, low=low, high=high, method=method,
        positives=counts[0], negatives=counts[1], groups=len(women),
    )  # fmt: skip
    return DrawnAuc(estimate=estimate, draws=draws, seed=seed, finding=finding)


def _candidates(breasts: Cases) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The breasts a woman may give, hers in a row: `rows` of `breasts`, and where she starts."""
    has_cancer = np.bincount(breasts.groups, weights=breasts.positive) > 0
    may_be_drawn = breasts.positive | ~has_cancer[breasts.groups]
    rows = np.flatnonzero(may_be_drawn)
    rows = rows[np.argsort(breasts.groups[rows], kind="stable")]
    changes = np.flatnonzero(np.diff(breasts.groups[rows])) + 1
    return np.concatenate(([0], changes)), rows


def _drawn(
    starts: NDArray[np.intp], rows: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.intp]:
    counts = np.diff(np.append(starts, len(rows)))
    drawn: NDArray[np.intp] = rows[starts + rng.integers(0, counts)]
    return drawn
