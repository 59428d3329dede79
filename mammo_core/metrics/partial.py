"""The area under a part of the ROC curve: the mean sensitivity over a range of specificities, with
every draw of women making the curve anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import AmongAll, Difference, among_all, difference_of
from mammo_core.metrics.paired_rates import draws_of
from mammo_core.metrics.uncertainty import (
    Estimate,
    IntervalMethod,
    degrees_of_freedom,
    logit_interval,
    need_both_classes,
    women_of_smaller_class,
)

Floats = NDArray[np.float64]
#: Women of the smaller kind: of 10 the interval of a high AUC held the truth in 90 of 100 studies,
#: of 20 in 94 (benchmarks/coverage.md).
FEWEST_OF_EACH: Final = 20
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

    @property
    def of_guessing(self) -> float:
        """What the diagonal reaches, whose sensitivity is 1 - specificity."""
        return 1 - (self.low + self.high) / 2


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
    """None for the reason of `why_no_partial`, or where no draw changes anything."""
    if why_no_partial(cases):
        return None
    return _estimate(cases, partial_auc(cases, over), _drawn(cases, over, seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialBeside:
    """A model's area over the range, None where it has no interval. `behind` is the best model's
    less this one's; None for the best itself, and where there are too few women for a test.
    """

    name: str
    value: float
    estimate: Estimate | None
    behind: Difference | None


def partial_aucs(
    names: Sequence[str], models: Sequence[Cases], over: SpecificityRange, *, seed: int = 0
) -> list[PartialBeside]:
    """Of models over the same cases, the largest first. Paired: all models see the same draws of
    women, and p and interval allow for the best having been picked on these very cases.
    """
    if any(model.case_ids != models[0].case_ids for model in models):
        raise TableError("A paired difference needs the same cases in the same order.")
    values = [partial_auc(model, over) for model in models]
    drawn = np.stack([_drawn(model, over, seed) for model in models])
    among = among_all(np.atleast_2d(np.cov(drawn)), degrees_of_freedom(models[0]))
    order = sorted(range(len(models)), key=lambda number: -values[number])
    best = order[0]

    def behind(number: int) -> Difference | None:
        error = float((drawn[best] - drawn[number]).std(ddof=1))
        if number == best or why_no_partial(models[0]) or error <= _NO_SPREAD:
            return None
        value = values[best] - values[number]
        return difference_of(
            value, error, of=models[0], among=among, method=IntervalMethod.BOOTSTRAP
        )

    return [
        PartialBeside(
            name=names[number],
            value=values[number],
            estimate=_estimate(models[number], values[number], drawn[number]),
            behind=behind(number),
        )
        for number in order
    ]


def why_no_partial(cases: Cases) -> str:
    """The reason in a sentence; "" where there are women enough of both kinds."""
    fewest = women_of_smaller_class(cases)
    if fewest >= FEWEST_OF_EACH:
        return ""
    return (
        f"No area under a part of the curve: an interval that holds needs {FEWEST_OF_EACH} women "
        f"with and as many without cancer, and of one kind there are {fewest}."
    )


def _estimate(cases: Cases, value: float, drawn: Floats) -> Estimate | None:
    error = float(drawn.std(ddof=1))
    if why_no_partial(cases) or not 0.0 < value < 1.0 or error <= _NO_SPREAD:
        return None
    low, high = logit_interval(
        value, AmongAll(models=2, freedom=degrees_of_freedom(cases)).quantile * error
    )
    return Estimate(
        value=value, low=low, high=high,
        method=IntervalMethod.UNNAMED if cases.unnamed else IntervalMethod.BOOTSTRAP,
        positives=cases.positives, negatives=cases.negatives, groups=cases.group_count,
    )  # fmt: skip


def _drawn(cases: Cases, over: SpecificityRange, seed: int) -> Floats:
    return np.concatenate([_areas(cases, weights, over) for weights in draws_of(cases, seed)])


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
