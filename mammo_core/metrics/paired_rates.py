"""Rates of two over the same cases: at thresholds that stand fixed, and where each is called by the
threshold that gives it one specificity, or one recall rate, on these very cases.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtri, stdtr, stdtrit

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import AmongAll, Difference, among_all, difference_of
from mammo_core.metrics.threshold import (
    Aim,
    OperatingPoint,
    threshold_for_recall_rate,
    threshold_for_specificity,
)
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    Estimate,
    IntervalMethod,
    Rate,
    degrees_of_freedom,
    effective_cases,
    logit_interval,
    need_both_classes,
    rate_with_interval,
    rates_at,
    resampled_weights,
    strata_of,
    wilson_interval,
)

Floats = NDArray[np.float64]
_ROUNDING: Final = 1e-9
_DRAWS: Final = 1000
_FEWEST_DRAWS: Final = 200
_MOST_CELLS: Final = 100_000_000  # draws times cases: a million cases are drawn fewer times

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
        """By the p and by the interval: they are made in two ways, and words need both."""
        return self.p_value < 1 - CONFIDENCE and (self.low > 0.0 or self.high < 0.0)


def rate_difference(
    one: Hits, other: Hits, groups: NDArray[np.intp], *, z: float | None = None
) -> RateDifference:
    """`one` and `other` are hits on the same cases; there must be at least one case. `z` in the
    place of 1.96 makes the interval wider.

    The interval squares and adds two Wilson intervals less what the pairing explains (Newcombe
    1998, Statistics in Medicine 17:2635, method 10), on effective cases where women repeat. The p
    is McNemar's, exact, where every case is its own woman; else a t test over women.
    """
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    shares = float(one.mean()), float(other.mean())
    effective = [effective_cases(hits, groups) for hits in (one, other)]
    (low, high), (other_low, other_high) = (
        wilson_interval(share, total, z=z) for share, total in zip(shares, effective, strict=True)
    )
    phi = _correlation(one, other, min(effective))
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


def _correlation(one: Hits, other: Hits, effective: float) -> float:
    """Phi of the square of the two, drawn towards 0 by half a case (Newcombe 1998, equation for
    method 10): where there are few cases, that they agree is partly chance.
    """
    if one.all() or other.all() or not one.any() or not other.any():
        return 0.0
    share, other_share = float(one.mean()), float(other.mean())
    apart = float((one & other).mean()) - share * other_share  # (ad - bc) / n^2
    spread = math.sqrt(share * (1 - share) * other_share * (1 - other_share))
    return (max(0.0, apart - 1 / (2 * effective)) if apart > 0 else apart) / spread


def _root(square: float) -> float:
    return math.sqrt(max(0.0, square))  # rounding may leave a hair below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AtOneRate:
    """A model where its specificity is at least, or its recall rate at most, the one asked for.
    `behind` is the best model's sensitivity less this one's; None for the best itself.
    """

    name: str
    point: OperatingPoint
    sensitivity: Estimate
    specificity: Rate
    recall_rate: Rate
    behind: Difference | None


def sensitivities_at(
    names: Sequence[str],
    models: Sequence[Cases],
    target: float,
    *,
    aim: Aim = Aim.SPECIFICITY,
    seed: int = 0,
) -> list[AtOneRate]:
    """Of models over the same cases, the most sensitive first.

    Every draw of women chooses each threshold anew, as it was chosen on the women there are: with
    thresholds taken for fixed, equal models were called different in up to a third of studies.
    """
    need_both_classes(models[0], what=f"a sensitivity at one {_held_alike(aim)}")
    points = [_point_at(model, target, aim) for model in models]
    rates = [rates_at(model, one.threshold) for model, one in zip(models, points, strict=True)]
    ladders = [_Ladder.of(model, aim) for model in models]
    drawn = np.concatenate(
        [
            np.stack([one.found(weights, one.most_called(weights, target)) for one in ladders])
            for weights in draws_of(models[0], seed)
        ],
        axis=1,
    )
    order = sorted(range(len(models)), key=lambda number: -points[number].sensitivity)
    best, freedom = order[0], degrees_of_freedom(models[0])
    among = among_all(np.atleast_2d(np.cov(drawn)), freedom)
    hits = [model.score >= point.threshold for model, point in zip(models, points, strict=True)]
    return [
        AtOneRate(
            name=names[number],
            point=points[number],
            sensitivity=_estimate(models[number], points[number], drawn[number]),
            specificity=rates[number].specificity,
            recall_rate=rates[number].recall_rate,
            behind=None
            if number == best
            else _paired(
                hits[best],
                hits[number],
                drawn[best] - drawn[number],
                of=models[best],
                among=among,
            ),
        )
        for number in order
    ]


def beside_calls(
    cases: Cases, called: Hits, *, looks: int = 1, seed: int = 0
) -> tuple[OperatingPoint, Difference]:
    """The model where it is at least as specific as who `called`, and its sensitivity there less
    theirs. In every draw of women both the caller's specificity and the threshold are new.
    Of several who are looked at, all `looks` intervals hold together (Bonferroni).
    """
    positive = cases.positive
    theirs = float((~called)[~positive].mean())
    point = threshold_for_specificity(cases, theirs)
    ladder = _Ladder.of(cases)

    def by_woman(hits: Hits) -> NDArray[np.intp]:
        return np.bincount(cases.groups[hits], minlength=cases.group_count)

    gains = []
    for weights in draws_of(cases, seed):
        alarms = (weights @ by_woman(called & ~positive)).astype(np.float64)
        found = (weights @ by_woman(called & positive)) / (weights @ by_woman(positive))
        gains.append(ladder.found(weights, alarms) - found)
    return point, _paired(
        cases.score >= point.threshold,
        called,
        np.concatenate(gains),
        of=cases,
        among=AmongAll(models=2, freedom=degrees_of_freedom(cases)),
        looks=looks,
    )


def _held_alike(aim: Aim) -> str:
    return "recall rate" if aim is Aim.RECALL_RATE else "specificity"


def _point_at(cases: Cases, target: float, aim: Aim) -> OperatingPoint:
    if aim is Aim.RECALL_RATE:
        return threshold_for_recall_rate(cases, target)
    return threshold_for_specificity(cases, target)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ladder:
    """One model's cases, the highest score first; a rung is a threshold, and what it calls. It is
    climbed down as long as no more are called than may be: of the cases without cancer, or of all.
    """

    groups: NDArray[np.intp]
    positive: Hits
    limited: Hits  # the cases of which only so many may be called
    last_of_its_score: NDArray[np.intp]
    is_by_specificity: bool

    @staticmethod
    def of(cases: Cases, aim: Aim = Aim.SPECIFICITY) -> "_Ladder":
        order = np.argsort(-cases.score, kind="stable")
        score, positive = cases.score[order], cases.positive[order]
        is_by_specificity = aim is not Aim.RECALL_RATE
        return _Ladder(
            groups=cases.groups[order],
            positive=positive,
            limited=~positive if is_by_specificity else np.ones(len(positive), dtype=bool),
            last_of_its_score=np.append(np.flatnonzero(np.diff(score)), len(score) - 1),
            is_by_specificity=is_by_specificity,
        )

    def most_called(self, weights: NDArray[np.int32], target: float) -> Floats:
        limited = np.bincount(self.groups[self.limited], minlength=weights.shape[1])
        share = 1 - target if self.is_by_specificity else target
        return np.asarray(share * (weights @ limited))

    def found(self, weights: NDArray[np.int32], most: Floats) -> Floats:
        """Per draw the sensitivity at the lowest threshold that calls at most so many."""
        ill, last = np.cumsum(self.positive), self.last_of_its_score
        counted = np.cumsum(self.limited)[last]  # of those limited, called at each rung
        called = np.cumsum(weights[:, self.groups[self.limited]], axis=1, dtype=np.int32)
        found = np.cumsum(weights[:, self.groups[self.positive]], axis=1, dtype=np.int32)
        # Calls only grow: as many cases are too few as are passed before too many are called.
        allowed = (called <= most[:, None] + _ROUNDING).sum(axis=1)
        rungs = np.searchsorted(counted, allowed, side="right")
        reached = np.where(rungs > 0, ill[last[np.maximum(rungs, 1) - 1]], 0)
        rows = np.arange(len(weights))
        return np.asarray(
            np.where(reached > 0, found[rows, np.maximum(reached, 1) - 1], 0) / found[:, -1]
        )


def draws_of(cases: Cases, seed: int) -> Iterator[NDArray[np.int32]]:
    """As `resampled_weights`; of many cases fewer draws, so that a million take a while at most."""
    strata = strata_of(cases.positive, cases.groups)
    resamples = max(_FEWEST_DRAWS, min(_DRAWS, _MOST_CELLS // len(cases)))
    return resampled_weights(strata, resamples=resamples, seed=seed)


def _paired(
    one: Hits, other: Hits, drawn: Floats, *, of: Cases, among: AmongAll, looks: int = 1
) -> Difference:
    """Where no draw differs there is no test, and the interval is that of the calls as they are."""
    ill, level = of.positive, 1 - (1 - CONFIDENCE) / 2 / looks
    error = float(drawn.std(ddof=1))
    if error > _ROUNDING:
        value = float(one[ill].mean()) - float(other[ill].mean())
        found = difference_of(value, error, of=of, among=among, method=IntervalMethod.BOOTSTRAP)
        if looks == 1 or found.p_value is None:
            return found
        half = float(stdtrit(among.freedom, level)) * error
        return replace(
            found, low=max(-1.0, value - half), high=min(1.0, value + half),
            p_value=min(1.0, looks * found.p_value),
        )  # fmt: skip
    fixed = rate_difference(one[ill], other[ill], of.groups[ill], z=float(ndtri(level)))
    return Difference(
        value=fixed.value, low=fixed.low, high=fixed.high, p_value=None,
        method=IntervalMethod.UNNAMED if of.unnamed else IntervalMethod.WILSON_CLUSTERED,
        cases=len(of), groups=of.group_count, compared=among.models,
    )  # fmt: skip


def _estimate(cases: Cases, point: OperatingPoint, drawn: Floats) -> Estimate:
    """The wider of what the draws say and what the cancers alone leave open."""
    hits = (cases.score >= point.threshold)[cases.positive]
    rate = rate_with_interval(hits, cases.groups[cases.positive])
    low, high = rate.low, rate.high
    error = float(drawn.std(ddof=1))
    if 0.0 < rate.value < 1.0 and error > _ROUNDING:
        half = AmongAll(models=2, freedom=degrees_of_freedom(cases)).quantile * error
        ends = logit_interval(rate.value, half)
        low, high = min(low, ends[0]), max(high, ends[1])
    return Estimate(
        value=rate.value, low=low, high=high,
        method=IntervalMethod.UNNAMED if cases.unnamed else IntervalMethod.BOOTSTRAP,
        positives=cases.positives, negatives=cases.negatives, groups=cases.group_count,
    )  # fmt: skip
