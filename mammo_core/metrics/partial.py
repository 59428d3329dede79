"""The area under a part of the ROC curve: the mean sensitivity over a range of specificities, with
the spread between women in closed form.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import AmongAll, Difference, among_all, difference_of
from mammo_core.metrics.rates import covariance_of_sums
from mammo_core.metrics.uncertainty import (
    Estimate,
    IntervalMethod,
    degrees_of_freedom,
    logit_interval,
    need_both_classes,
    strata_of,
    women_of_smaller_class,
)

Floats = NDArray[np.float64]
#: Women of the smaller kind (benchmarks/coverage.md).
FEWEST_OF_EACH: Final = 20
_NO_SPREAD: Final = 1e-18  # a variance


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
    return _area(cases, over)[0]


def partial_auc_with_interval(cases: Cases, over: SpecificityRange) -> Estimate | None:
    """None for the reason of `why_no_partial`, or where no woman differs from another."""
    if why_no_partial(cases):
        return None
    value, pulls = _area(cases, over)
    return _estimate(cases, value, float(_spread(cases, pulls[None])[0, 0]))


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
    names: Sequence[str], models: Sequence[Cases], over: SpecificityRange
) -> list[PartialBeside]:
    """Of models over the same cases, the largest first. Paired by woman, and p and interval allow
    for the best having been picked on these very cases.
    """
    if any(model.case_ids != models[0].case_ids for model in models):
        raise TableError("A paired difference needs the same cases in the same order.")
    areas = [_area(model, over) for model in models]
    values = [value for value, _ in areas]
    spread = _spread(models[0], np.stack([pulls for _, pulls in areas]))
    among = among_all(spread, degrees_of_freedom(models[0]))
    order = sorted(range(len(models)), key=lambda number: -values[number])
    best = order[0]

    def behind(number: int) -> Difference | None:
        variance = spread[best, best] + spread[number, number] - 2 * spread[best, number]
        if number == best or why_no_partial(models[0]) or variance <= _NO_SPREAD:
            return None
        return difference_of(
            values[best] - values[number], math.sqrt(variance),
            of=models[0], among=among, method=IntervalMethod.LINEARISED,
        )  # fmt: skip

    return [
        PartialBeside(
            name=names[number],
            value=values[number],
            estimate=_estimate(models[number], values[number], float(spread[number, number])),
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
        f"with and as many without {cases.finding.one}, and of one kind there are {fewest}."
    )


def _estimate(cases: Cases, value: float, variance: float) -> Estimate | None:
    if why_no_partial(cases) or not 0.0 < value < 1.0 or variance <= _NO_SPREAD:
        return None
    low, high = logit_interval(
        value,
        AmongAll(models=2, freedom=degrees_of_freedom(cases)).quantile * math.sqrt(variance),
    )
    return Estimate(
        value=value, low=low, high=high,
        method=IntervalMethod.UNNAMED if cases.unnamed else IntervalMethod.LINEARISED,
        positives=cases.positives, negatives=cases.negatives, groups=cases.group_count,
    )  # fmt: skip


def _spread(cases: Cases, pulls: Floats) -> Floats:
    return covariance_of_sums(pulls, strata_of(cases.positive, cases.groups))


def _area(cases: Cases, over: SpecificityRange) -> tuple[float, Floats]:
    """The area, and how far each woman moves it.

    A cancer is found from the false-positive rate on that it scores above, and so adds what of the
    range lies beyond. Where cases without cancer score alike it is found bit by bit from `start` to
    `end`, and adds the mean of that. A case without cancer moves the rates of all cancers below it.
    """
    need_both_classes(cases, what="a partial AUC")
    over.check()
    ill = cases.positive
    well, hits, others = np.sort(cases.score[~ill]), cases.score[ill], cases.score[~ill]
    start, end = (
        (len(well) - np.searchsorted(well, hits, side=side)) / len(well)
        for side in ("right", "left")
    )
    tied = end > start
    wide = np.where(tied, end - start, 1.0)
    adds = np.where(tied, (_summed(end, over) - _summed(start, over)) / wide, _beyond(start, over))
    falls = (start >= 1 - over.high) & (start < 1 - over.low)
    by_start = np.where(tied, (adds - _beyond(start, over)) / wide, -1.0 * falls / over.width)
    by_end = np.where(tied, (_beyond(end, over) - adds) / wide, 0.0)
    order, value = np.argsort(hits), float(adds.mean())
    ranked = hits[order]
    above = np.append(0.0, np.cumsum(by_start[order]))[np.searchsorted(ranked, others, "left")]
    beside = np.append(0.0, np.cumsum(by_end[order]))[np.searchsorted(ranked, others, "right")]
    pulls = np.empty(len(cases))
    pulls[ill] = (adds - value) / len(hits)
    pulls[~ill] = (above + beside - by_start @ start - by_end @ end) / (len(hits) * len(well))
    return value, np.bincount(cases.groups, weights=pulls).astype(np.float64)


def _beyond(rate: Floats, over: SpecificityRange) -> Floats:
    """The share of the range of false-positive rates that lies beyond `rate`."""
    return np.asarray((1 - over.low - np.clip(rate, 1 - over.high, 1 - over.low)) / over.width)


def _summed(rate: Floats, over: SpecificityRange) -> Floats:
    """`_beyond` summed up from 0 to `rate`."""
    left, right = 1 - over.high, 1 - over.low
    inside = np.clip(rate, left, right)
    half = (over.width**2 - (right - inside) ** 2) / (2 * over.width)
    return np.asarray(np.minimum(rate, left) + half)
