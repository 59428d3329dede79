"""The same numbers for parts of the cases: by density, age, view, side, site, machine, lesion.

A part with under 20 women with or without cancer is shown grey and never compared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import pandas as pd
from scipy.special import stdtrit

from mammo_core.metrics.cases import Cases, Pooling, pool_cases, why_no_auc
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    Estimate,
    Rate,
    auc_covariance,
    auc_parts,
    auc_with_interval,
    degrees_of_freedom,
    range_in_words,
    rates_at,
)
from mammo_core.types import Level

FEWEST_WOMEN: Final = 20
NOT_KNOWN: Final = "not known"
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
            parts.append(_slice(name, pool_cases(rows, level, rule), threshold))
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


def _slice(name: str, cases: Cases, threshold: float) -> Slice:
    rates = rates_at(cases, threshold)
    return Slice(
        name=name,
        cases=cases,
        women_with_cancer=rates.sensitivity.groups,
        women_without=rates.specificity.groups,
        auc=None if why_no_auc(cases) else auc_with_interval(cases),
        sensitivity=rates.sensitivity,
        specificity=rates.specificity,
    )
