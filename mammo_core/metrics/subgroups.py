"""The same numbers for parts of the cases: by density, age, view, side, site, machine, lesion.

A part with under 20 women with or without cancer is shown grey and its AUC never compared; a rate
is compared where 20 women stand behind it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from mammo_core.metrics.cases import Cases, Pooling, pool_cases, values_of, why_no_auc
from mammo_core.metrics.compare import holm
from mammo_core.metrics.rates import weighted_sum
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    Estimate,
    Rate,
    auc_covariance,
    auc_parts,
    auc_with_interval,
    degrees_of_freedom,
    range_in_words,
    rate_with_interval,
    rates_at,
)
from mammo_core.types import Level

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
    """The largest difference in AUC between two parts; the interval knows that it was picked."""

    better: str
    worse: str
    value: float
    low: float
    high: float
    pairs: int

    @property
    def sentence(self) -> str:
        spread = f"{self.value:.3f}, {range_in_words(self.low, self.high, '+.3f')}"
        found = (
            f"The largest gap in AUC is between {self.better} and {self.worse}: {spread} "
            f"(corrected for {self.pairs} comparison{'s' if self.pairs > 1 else ''})."
        )
        return found if self.low > 0 else f"{found} Chance alone can explain it."


def sliceable(predictions: pd.DataFrame) -> tuple[str, ...]:
    """Columns with at least two known values."""
    return tuple(name for name in SLICED_BY if slice_names(predictions, name).nunique() > 1)


def slice_names(predictions: pd.DataFrame, column: str) -> "pd.Series[str]":
    """Per image the part it belongs to; ages in bands of ten years; missing stays missing."""
    values = predictions.get(column, pd.Series(pd.NA, index=predictions.index))
    if column != "age":
        return values.astype("string")
    bands = pd.cut(
        values.astype("float64"), bins=list(_AGE_EDGES), labels=list(_AGE_NAMES), right=False
    )
    return bands.astype("string")


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
        rows = predictions[names == name]
        if rows["positive"].notna().any():
            parts.append(_slice(name, rows, pool_cases(rows, level, rule), threshold))
    return parts


def largest_gap(slices: Sequence[Slice]) -> Gap | None:
    """Among parts that are large enough; None where fewer than two are.

    Bonferroni over all pairs, women of different parts taken as different women.
    """
    fit = [part for part in slices if part.auc is not None and not part.is_small]
    pairs = list(combinations(fit, 2))
    if not pairs:
        return None
    parts = {s.name: auc_parts(s.cases.score, s.cases.positive, s.cases.groups) for s in fit}
    one, other = max(
        pairs, key=lambda pair: abs(parts[pair[0].name].value - parts[pair[1].name].value)
    )
    first, second = sorted(
        (parts[one.name], parts[other.name]), key=lambda part: part.value, reverse=True
    )
    better, worse = (one, other) if parts[one.name] is first else (other, one)
    freedom = min(degrees_of_freedom(first), degrees_of_freedom(second))
    quantile = float(stdtrit(freedom, 1 - (1 - CONFIDENCE) / 2 / len(pairs)))
    error = math.sqrt(auc_covariance(first, first) + auc_covariance(second, second))
    value = first.value - second.value
    return Gap(
        better=better.name,
        worse=worse.name,
        value=value,
        low=value - quantile * error,
        high=value + quantile * error,
        pairs=len(pairs),
    )


def _slice(name: str, rows: pd.DataFrame, cases: Cases, threshold: float) -> Slice:
    rates = rates_at(cases, threshold)
    return Slice(
        name=name,
        cases=cases,
        women_with_cancer=rates.sensitivity.groups,
        women_without=rates.specificity.groups,
        auc=None if why_no_auc(cases) else auc_with_interval(cases),
        sensitivity=rates.sensitivity,
        specificity=rates.specificity,
        women=tuple(values_of(rows, cases, "group_id").astype("string").fillna("")),
    )


class PartFigure(StrEnum):
    """What is compared between parts at one threshold."""

    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"
    RECALL_RATE = "recall rate"
    CALIBRATION = "share with cancer less mean score"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateGap:
    """The gap of one figure between two parts of a column that chance explains least; its p is
    corrected (Holm) for every pair of parts, every figure and every column that was compared.
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
        p = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.3f}"
        words = (
            f"By {SLICED_BY[self.column]}, {self.figure}: {self.higher} above {self.lower} by "
            f"{self.value:.1%} (95 % {self.low:+.1%} to {self.high:+.1%}; p {p}, corrected for "
            f"{self.compared} comparisons)."
        )
        return words if self.is_clear else f"{words} Chance alone can explain it."


def rate_gaps(cuts: Mapping[str, Sequence[Slice]], threshold: float) -> list[RateGap]:
    """Per column of `cuts` and figure the clearest gap, the clearest of all first.

    Women are clusters, also where one woman is in both parts. The variance is that under no gap,
    so a part in which everything is right can be compared too.
    """
    found = [
        (column, figure, *_pair_gap(one, other, figure, threshold))
        for column, slices in cuts.items()
        for figure in PartFigure
        for one, other in combinations(slices, 2)
        if NOT_KNOWN not in (one.name, other.name)
        and min(_women_behind(part, figure) for part in (one, other)) >= FEWEST_WOMEN
    ]
    raised = holm([gap[-1] for gap in found])
    clearest: dict[tuple[str, PartFigure], RateGap] = {}
    for (column, figure, higher, lower, ends, _), p_value in zip(found, raised, strict=True):
        gap = RateGap(
            column=column, figure=figure, higher=higher, lower=lower, value=ends[0], low=ends[1],
            high=ends[2], p_value=p_value, compared=len(found),
        )  # fmt: skip
        best = clearest.get((column, figure))
        if best is None or (gap.p_value, -gap.value) < (best.p_value, -best.value):
            clearest[(column, figure)] = gap
    return sorted(clearest.values(), key=lambda gap: gap.p_value)


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


def _pair_gap(
    one: Slice, other: Slice, figure: PartFigure, threshold: float
) -> tuple[str, str, tuple[float, float, float], float]:
    """The part that is higher, the lower one, the gap with its ends, and its p alone."""
    parts = [_counted(part, figure, threshold) for part in (one, other)]
    if parts[0][0].mean() < parts[1][0].mean():
        one, other, parts = other, one, parts[::-1]
    (first, first_women), (second, second_women) = parts
    value = float(first.mean() - second.mean())
    is_rate = figure is not PartFigure.CALIBRATION
    pooled = float(np.concatenate([first, second]).mean())
    centres = (pooled, pooled) if is_rate else (float(first.mean()), float(second.mean()))
    pull = np.concatenate([(first - centres[0]) / len(first), -(second - centres[1]) / len(second)])
    codes = pd.factorize(np.array([*first_women, *second_women], dtype=object))[0]
    by_woman = np.bincount(codes, weights=pull)
    women = len(by_woman)
    error = math.sqrt(float(by_woman @ by_woman) * women / (women - 1))
    freedom = min(len(set(first_women)), len(set(second_women))) - 1
    p_value = float(2 * stdtr(freedom, -value / error)) if error > 0 else 1.0
    if is_rate:
        rates = [
            rate_with_interval(hits > 0.5, pd.factorize(np.array(names, dtype=object))[0])
            for hits, names in parts
        ]
        ends = weighted_sum((1.0, rates[0]), (-1.0, rates[1]))
    else:
        half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
        ends = (value, value - half, value + half)
    return one.name, other.name, ends, p_value
