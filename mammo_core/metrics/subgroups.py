"""The same numbers for parts of the cases: by density, age, view, side, site, machine, lesion.

A part with under 20 women with or without cancer is shown grey and its AUC never compared; a rate
is compared where 20 women stand behind it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from mammo_core.metrics.cases import Cases, Pooling, pool_cases, values_of, why_no_auc
from mammo_core.metrics.compare import squared_and_added
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    AucParts,
    Estimate,
    Rate,
    auc_covariance,
    auc_parts,
    auc_with_interval,
    degrees_of_freedom,
    effective_women,
    range_in_words,
    rates_at,
)
from mammo_core.types import Level
from mammo_core.words import CANCERS, CalledFor, many

Floats = NDArray[np.float64]
FEWEST_WOMEN: Final = 20
NOT_KNOWN: Final = "not known"
NO_GAP_IN_AUC: Final = "No two parts are large enough for their AUCs to be compared."
#: Columns of the predictions table that cut it, and how the page names them.
SLICED_BY: Final = {
    "density": "density",
    "age": "age",
    "view": "view",
    "side": "side",
    "site": "site",
    "machine": "machine",
    "birads": "BI-RADS",
    "lesion": "lesion",
    "tag": "tag",
    "after_difficult_negative_case": "difficult negative (known afterwards)",
}
_AGE_EDGES: Final = (0, 40, 50, 60, 70, 200)
_AGE_NAMES: Final = ("under 40", "40 to 49", "50 to 59", "60 to 69", "70 and over")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """One part of the cases. `auc` is None where it would mean nothing (`why_no_auc`)."""

    name: str
    cases: Cases
    women_with_cancer: int
    women_without: int
    auc: Estimate | None
    sensitivity: Rate
    specificity: Rate
    women: tuple[str, ...]  # of whom each case is: a woman may be in several parts

    @property
    def is_small(self) -> bool:
        return min(self.women_with_cancer, self.women_without) < FEWEST_WOMEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The largest difference in AUC between two parts; the interval knows that it was picked, and
    of how many comparisons it is one (`pairs`).
    """

    better: str
    worse: str
    value: float
    low: float
    high: float
    pairs: int

    @property
    def sentence(self) -> str:
        found = (
            f"The largest gap in AUC is between {self.better} and {self.worse}: {self.value:.3f} "
            f"({range_in_words(self.low, self.high, '+.3f')}, corrected for "
            f"{many(self.pairs, 'comparison', 'comparisons')})."
        )
        return found if self.low > 0 else f"{found} Chance alone can explain it."


def sliceable(predictions: pd.DataFrame) -> tuple[str, ...]:
    """Columns with at least two known values."""
    return tuple(name for name in SLICED_BY if slice_names(predictions, name).nunique() > 1)


def slice_names(predictions: pd.DataFrame, column: str) -> "pd.Series[str]":
    """By the number of its row the part that an image belongs to, or each of them, as of two tags;
    ages in bands of ten years; missing stays missing.
    """
    values = predictions.get(column, pd.Series(pd.NA, index=predictions.index))
    values = values.reset_index(drop=True)
    if column != "age":
        return values.explode().astype("string")
    bands = pd.cut(
        values.astype("float64"), bins=list(_AGE_EDGES), labels=list(_AGE_NAMES), right=False
    )
    return bands.astype("string")


def rows_of_slice(predictions: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    """The images of the part called so."""
    return _rows_of(predictions, slice_names(predictions, column).fillna(NOT_KNOWN), name)


def _rows_of(predictions: pd.DataFrame, names: "pd.Series[str]", name: str) -> pd.DataFrame:
    return predictions.iloc[names.index[names == name].unique()]


def slices_of(
    predictions: pd.DataFrame,
    column: str,
    *,
    level: Level,
    rule: Pooling,
    threshold: float,
) -> list[Slice]:
    """One slice per value, in order; images whose value is missing make the last one.

    A case is pooled from its images of that part alone: a breast by view CC is its CC images.
    """
    names = slice_names(predictions, column).fillna(NOT_KNOWN)
    order = _AGE_NAMES if column == "age" else sorted(set(names) - {NOT_KNOWN})
    parts = []
    for name in (*order, NOT_KNOWN):
        rows = _rows_of(predictions, names, name)
        if rows["positive"].notna().any():
            cases = pool_cases(rows, level, rule)
            women = tuple(values_of(rows, cases, "group_id").astype("string").fillna(""))
            parts.append(slice_of(name, cases, women=women, threshold=threshold))
    return parts


def _pairs_with_auc(slices: Sequence[Slice]) -> list[tuple[Slice, Slice]]:
    """The better part first."""
    fit = [part for part in slices if part.auc is not None and not part.is_small]
    return [pair if _auc_apart(*pair) >= 0 else (pair[1], pair[0]) for pair in combinations(fit, 2)]


def _auc_apart(one: Slice, other: Slice) -> float:
    return 0.0 if one.auc is None or other.auc is None else one.auc.value - other.auc.value


def _gap(better: Slice, worse: Slice, *, compared: int) -> Gap:
    """Its interval follows those of both parts, as in `compare`: a symmetric one of 24 women with
    cancer, AUC .98 by one view and .99 by the other, held the gap in 88 of 100.
    """
    codes = pd.factorize(np.array([*better.women, *worse.women], dtype=object))[0]
    groups = (codes[: len(better.women)], codes[len(better.women) :])
    first, second = (
        auc_parts(part.cases.score, part.cases.positive, of)
        for part, of in zip((better, worse), groups, strict=True)
    )
    freedom = min(degrees_of_freedom(first), degrees_of_freedom(second))
    low, high = squared_and_added(
        (first, second),
        (effective_women(better.cases), effective_women(worse.cases)),
        shared=_shared((first, second), groups, (better.cases.positive, worse.cases.positive)),
        z=_quantile(freedom, compared),
    )
    return Gap(
        better=better.name,
        worse=worse.name,
        value=first.value - second.value,
        low=low,
        high=high,
        pairs=compared,
    )


def _shared(
    both: tuple[AucParts, AucParts],
    groups: tuple[NDArray[np.intp], NDArray[np.intp]],
    ill: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> float:
    """The covariance of the AUCs of two parts, from the women who are in both."""
    women = np.intersect1d(*groups)
    with_cancer, without = (
        len(np.intersect1d(*(of[has == kind] for of, has in zip(groups, ill, strict=True))))
        for kind in (True, False)
    )
    first, second = (
        replace(
            part, with_cancer=part.with_cancer[women], without=part.without[women],
            groups_with_cancer=with_cancer, groups_without=without,
        )
        for part in both
    )  # fmt: skip
    return auc_covariance(first, second)


def _quantile(freedom: int, compared: int) -> float:
    """Of so many intervals, so that all hold together in 95 of 100 studies (Bonferroni)."""
    return float(stdtrit(freedom, 1 - (1 - CONFIDENCE) / 2 / compared))


def slice_of(name: str, cases: Cases, *, women: tuple[str, ...], threshold: float) -> Slice:
    """`women` names the woman of each case."""
    rates = rates_at(cases, threshold)
    return Slice(
        name=name,
        cases=cases,
        women_with_cancer=rates.sensitivity.groups,
        women_without=rates.specificity.groups,
        auc=None if why_no_auc(cases) else auc_with_interval(cases),
        sensitivity=rates.sensitivity,
        specificity=rates.specificity,
        women=women,
    )


class PartFigure(StrEnum):
    """What is compared between parts at one threshold."""

    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"
    RECALL_RATE = "recall rate"
    CALIBRATION = "share with cancer less mean score"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateGap:
    """The gap of one figure between two parts of a column that chance explains least; interval and
    p are corrected alike, so they agree.
    """

    column: str
    figure: PartFigure
    higher: str
    lower: str
    value: float
    low: float
    high: float
    p_value: float
    compared: int

    @property
    def is_clear(self) -> bool:
        return self.p_value < 1 - CONFIDENCE

    @property
    def sentence(self) -> str:
        return self.told_of(CANCERS)

    def told_of(self, finding: CalledFor) -> str:
        p = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.3f}"
        figure = self.figure.replace("cancer", finding.one)
        words = (
            f"By {SLICED_BY[self.column]}, {figure}: {self.higher} above {self.lower} by "
            f"{self.value:.1%} ({range_in_words(self.low, self.high, '+.1%')}; p {p}; both "
            f"corrected for {many(self.compared, 'comparison', 'comparisons')})."
        )
        return words if self.is_clear else f"{words} Chance alone can explain it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """`in_auc` is the largest by column, with no entry where fewer than two parts are large enough;
    `in_rates` the clearest of each column and figure, the clearest of all first.
    """

    in_auc: dict[str, Gap]
    in_rates: list[RateGap]


def gaps_between(cuts: Mapping[str, Sequence[Slice]], threshold: float | None) -> Gaps:
    """Between the parts of each column of `cuts`; without a threshold in AUC alone. Whoever sees
    one sees all, so AUC and rates are one family: each interval and p is corrected for every pair
    of parts, figure and column (Bonferroni). Corrected apart, a gap was called clear in 7 of 100
    studies of parts that are alike.

    Women are clusters, also where one woman is in both parts.
    """
    in_auc = {column: _pairs_with_auc(slices) for column, slices in cuts.items()}
    in_rates = [] if threshold is None else _pairs_with_rate(cuts, threshold)
    compared = sum(map(len, in_auc.values())) + len(in_rates)
    return Gaps(
        in_auc={
            column: _gap(*max(found, key=lambda pair: _auc_apart(*pair)), compared=compared)
            for column, found in in_auc.items()
            if found
        },
        in_rates=_clearest([
            _rate_gap(sides, column=column, figure=figure, compared=compared)
            for column, figure, sides in in_rates
        ]),
    )  # fmt: skip


def _clearest(gaps: Sequence[RateGap]) -> list[RateGap]:
    """Of each column and figure."""
    ordered = sorted(gaps, key=lambda gap: (gap.p_value, -gap.value))
    first: dict[tuple[str, PartFigure], RateGap] = {}
    for gap in ordered:
        first.setdefault((gap.column, gap.figure), gap)
    return list(first.values())


def _counted(part: Slice, figure: PartFigure, threshold: float) -> tuple[Floats, list[str]]:
    """What each case of the figure's denominator adds to it, and of which woman it is."""
    cases, women = part.cases, np.array(part.women, dtype=object)
    called = (cases.score >= threshold).astype(np.float64)
    match figure:
        case PartFigure.SENSITIVITY:
            return called[cases.positive], list(women[cases.positive])
        case PartFigure.SPECIFICITY:
            return 1 - called[~cases.positive], list(women[~cases.positive])
        case PartFigure.RECALL_RATE:
            return called, list(women)
        case PartFigure.CALIBRATION:
            return cases.positive - cases.score, list(women)


def _women_behind(part: Slice, figure: PartFigure) -> int:
    return len(set(_counted(part, figure, 0.5)[1]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """What the cases of one part add to a figure, and of which women they are."""

    name: str
    adds: Floats
    women: list[str]

    @property
    def mean(self) -> float:
        return float(self.adds.mean())


def _ordered(one: Slice, other: Slice, figure: PartFigure, threshold: float) -> tuple[_Side, _Side]:
    """The higher first."""
    first, second = (
        _Side(name=part.name, adds=adds, women=women)
        for part in (one, other)
        for adds, women in (_counted(part, figure, threshold),)
    )
    return (second, first) if first.mean < second.mean else (first, second)


def _pairs_with_rate(
    cuts: Mapping[str, Sequence[Slice]], threshold: float
) -> list[tuple[str, PartFigure, tuple[_Side, _Side]]]:
    return [
        (column, figure, _ordered(one, other, figure, threshold))
        for column, slices in cuts.items()
        for figure in PartFigure
        for one, other in combinations(slices, 2)
        if NOT_KNOWN not in (one.name, other.name)
        and not _is_told_by_cut(one, other, figure, among=slices)
        and min(_women_behind(part, figure) for part in (one, other)) >= FEWEST_WOMEN
    ]


def _is_told_by_cut(
    one: Slice, other: Slice, figure: PartFigure, *, among: Sequence[Slice]
) -> bool:
    """Where a part has one class by how it was cut, as BI-RADS 1, or density where that is learnt,
    its recall rate and share tell of the cut, or once more of its specificity. Not where all cases
    are of one class.
    """
    if figure not in (PartFigure.RECALL_RATE, PartFigure.CALIBRATION):
        return False
    return any(_is_of_one_class([part]) for part in (one, other)) and not _is_of_one_class(among)


def _is_of_one_class(parts: Sequence[Slice]) -> bool:
    positives = sum(part.cases.positives for part in parts)
    return positives in (0, sum(len(part.cases) for part in parts))


def _rate_gap(
    sides: tuple[_Side, _Side], *, column: str, figure: PartFigure, compared: int
) -> RateGap:
    higher, lower = sides
    value = higher.mean - lower.mean
    is_rate = figure is not PartFigure.CALIBRATION
    error = _error_between(higher, lower, is_rate=is_rate)
    freedom = min(len(set(side.women)) for side in sides) - 1
    if error > 0:
        half = _quantile(freedom, compared) * error
        low, high = value - half, value + half
        p_value = min(1.0, compared * float(2 * stdtr(freedom, -value / error)))
    else:
        low, high, p_value = -1.0, 1.0, 1.0  # nothing varies between women, so nothing is known
    most = 1.0 if is_rate else 2.0
    return RateGap(
        column=column, figure=figure, higher=higher.name, lower=lower.name, value=value,
        low=max(-most, low), high=min(most, high), p_value=p_value, compared=compared,
    )  # fmt: skip


def _error_between(higher: _Side, lower: _Side, *, is_rate: bool) -> float:
    """The standard error of their gap by woman. Of a rate the larger of what it is at these rates
    and under no gap: a part in which everything is right would seem to be known for certain.
    """
    codes = pd.factorize(np.array([*higher.women, *lower.women], dtype=object))[0]
    pooled = float(np.concatenate([higher.adds, lower.adds]).mean())

    def error(middle: float, other: float) -> float:
        first = (higher.adds - middle) / len(higher.adds)
        second = (lower.adds - other) / len(lower.adds)
        by_woman = np.bincount(codes, weights=np.concatenate([first, -second]))
        women = len(by_woman)
        return math.sqrt(float(by_woman @ by_woman) * women / (women - 1))

    own = error(higher.mean, lower.mean)
    return max(own, error(pooled, pooled)) if is_rate else own
