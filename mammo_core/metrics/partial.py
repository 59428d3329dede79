"""The area under a part of the ROC curve: the mean sensitivity over a range of specificities, with
every draw of women making the curve anew.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import AmongAll, Difference, difference_of
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    Estimate,
    IntervalMethod,
    auc_parts,
    degrees_of_freedom,
    logit_interval,
    need_both_classes,
    resampled_weights,
    strata_of,
)

Floats = NDArray[np.float64]
_DRAWS: Final = 1000
_NO_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificityRange:
    low: float
    high: float

    def check(self) -> None:
        if not 0.0 <= self.low < self.high <= 1.0:
            raise TableError(
                f"A range of specificities runs upwards within 0 and 1; this one from {self.low:g} "
                f"to {self.high:g}."
            )

    @property
    def width(self) -> float:
        return self.high - self.low


def partial_auc(cases: Cases, over: SpecificityRange) -> float:
    """The mean sensitivity over the range: 1 is perfect, whatever its width. Ties are straight
    lines, as in the whole AUC, which is this over 0 to 1.
    """
    need_both_classes(cases, what="a partial AUC")
    over.check()
    once = np.ones((1, cases.group_count), dtype=np.int32)
    return float(_areas(cases, once, over)[0])


def partial_auc_with_interval(
    cases: Cases, over: SpecificityRange, *, seed: int = 0
) -> Estimate | None:
    """None where there are too few women, or where no draw changes anything."""
    value = partial_auc(cases, over)
    if cases.group_count < FEWEST_GROUPS or not 0.0 < value < 1.0:
        return None
    error = float(_drawn(cases, over, seed).std(ddof=1))
    if error <= _NO_SPREAD:
        return None
    low, high = logit_interval(value, AmongAll(models=2, freedom=_freedom(cases)).quantile * error)
    return Estimate(
        value=value, low=low, high=high, method=IntervalMethod.BOOTSTRAP,
        positives=cases.positives, negatives=cases.negatives, groups=cases.group_count,
    )  # fmt: skip


def partial_auc_difference(
    one: Cases, other: Cases, over: SpecificityRange, *, seed: int = 0
) -> Difference | None:
    """Paired, both models over the same draws; None as for the interval."""
    if one.case_ids != other.case_ids:
        raise TableError("A paired difference needs the same cases in the same order.")
    value = partial_auc(one, over) - partial_auc(other, over)
    error = float((_drawn(one, over, seed) - _drawn(other, over, seed)).std(ddof=1))
    if one.group_count < FEWEST_GROUPS or error <= _NO_SPREAD:
        return None
    among = AmongAll(models=2, freedom=_freedom(one))
    return difference_of(value, error, of=one, among=among, method=IntervalMethod.BOOTSTRAP)


def _freedom(cases: Cases) -> int:
    return degrees_of_freedom(auc_parts(cases.score, cases.positive, cases.groups))


def _drawn(cases: Cases, over: SpecificityRange, seed: int) -> Floats:
    strata = strata_of(cases.positive, cases.groups)
    chunks = resampled_weights(strata, resamples=_DRAWS, seed=seed)
    return np.concatenate([_areas(cases, weights, over) for weights in chunks])


def _areas(cases: Cases, weights: NDArray[np.int32], over: SpecificityRange) -> Floats:
    """Per row of `weights` (rows, women) the area of the curve between two false-positive rates, by
    the range's width.
    """
    order = np.argsort(-cases.score, kind="stable")
    score, positive = cases.score[order], cases.positive[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    drawn = weights[:, cases.groups[order]]
    alarms, found = (
        np.pad(np.cumsum(drawn * part, axis=1)[:, last], ((0, 0), (1, 0))).astype(np.float64)
        for part in (~positive, positive)
    )
    rates, shares = alarms / alarms[:, -1:], found / found[:, -1:]
    left, right = 1 - over.high, 1 - over.low
    starts, ends = rates[:, :-1], rates[:, 1:]
    widths = np.maximum(ends - starts, 1e-300)
    froms, tos = np.clip(starts, left, right), np.clip(ends, left, right)
    slopes = (shares[:, 1:] - shares[:, :-1]) / widths
    middles = shares[:, :-1] + slopes * ((froms + tos) / 2 - starts)
    areas = np.where(tos > froms, middles * (tos - froms), 0.0)
    return np.asarray(areas.sum(axis=1) / over.width)
