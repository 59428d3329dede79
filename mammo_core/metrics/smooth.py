"""A smooth calibration curve: how many have cancer at each score, without bins.

A logistic regression on a restricted cubic spline of the score's log-odds (Harrell 2015, section
2.4.5; Van Calster 2016, Journal of Clinical Epidemiology 74:167). ICI is the mean distance of the
curve from the score over the cases, E90 the distance that nine of ten stay below (Austin and
Steyerberg 2019, Statistics in Medicine 38:4051).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import chdtrc, expit

from mammo_core.metrics.calibration import Interval, is_separated, log_odds_to_fit
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    need_both_classes,
    t_quantile,
    women_of_smaller_class,
)

Floats = NDArray[np.float64]
#: Harrell's places for four knots and for three, as shares of the cases.
_FOUR: Final = (0.05, 0.35, 0.65, 0.95)
_THREE: Final = (0.10, 0.50, 0.90)
_ENOUGH_FOR_FOUR: Final = 100  # women of the smaller class
_MOST_CONDITION: Final = 1e10
_DRAWS: Final = 1000
_SHOWN: Final = 60  # points of the curve
_MOST_POINTS: Final = 1000  # scores over which a distance is averaged
#: Women of each kind: of 35 with cancer and a bent truth the interval of E90 held in 89 of 100
#: studies, of more women those of both in 93 to 99.
FEWEST_OF_EACH: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothCurve:
    """`curve` has `score, share, low, high`; the band holds at each score, not for all at once.
    Distances have no interval where they are None.
    """

    curve: pd.DataFrame
    ici: float
    ici_interval: Interval | None
    e90: float
    e90_interval: Interval | None


def why_no_curve(cases: Cases) -> str:
    """The reason in a sentence; "" where a curve can be fitted."""
    need_both_classes(cases, what="a calibration curve")
    fewest = women_of_smaller_class(cases)
    if fewest < FEWEST_OF_EACH:
        return (
            f"No smooth curve: it needs {FEWEST_OF_EACH} women with and as many without "
            f"{cases.finding.one}, and of one kind there are {fewest}."
        )
    if is_separated(cases):
        return (
            f"No smooth curve: one score parts all cases with {cases.finding.one} from all others."
        )
    if len(np.unique(cases.score)) < 5:
        return "No smooth curve: the scores have too few steps. Look at the bins."
    return ""


def smooth_calibration(cases: Cases, *, seed: int = 0) -> SmoothCurve | None:
    """None for the reason of `why_no_curve`, or where the cases do not settle the fit."""
    if why_no_curve(cases):
        return None
    log_odds = log_odds_to_fit(cases.score)
    knots = _knots(log_odds, women_of_smaller_class(cases))
    design = spline(log_odds, knots)
    fitted = _fit(design, cases.positive)
    spread = _covariance(cases, design, fitted)
    if spread is None:
        return None
    points, weights = _points(log_odds)
    at = _Distances(
        design=spline(points, knots), scores=expit(points), weights=weights, fitted=fitted
    )
    straight = np.zeros(len(fitted))
    straight[1] = 1.0
    away = fitted - straight
    p_straight = float(chdtrc(len(fitted), away @ np.linalg.solve(spread, away)))
    ici, e90 = at.of(fitted)
    half = t_quantile(cases)
    intervals = _intervals(at, spread, is_straight=p_straight >= 1 - CONFIDENCE, seed=seed)
    return SmoothCurve(
        curve=_shown(log_odds, knots, fitted, spread, half=half),
        ici=ici,
        ici_interval=intervals[0],
        e90=e90,
        e90_interval=intervals[1],
    )


def spline(x: Floats, knots: Floats) -> Floats:
    """Columns 1, x and the cubic parts of Harrell's basis, straight beyond the outer knots."""
    last, before = knots[-1], knots[-2]
    parts = [np.ones(len(x)), x]
    for knot in knots[:-2]:
        part = (
            _cubed(x - knot)
            - _cubed(x - before) * (last - knot) / (last - before)
            + _cubed(x - last) * (before - knot) / (last - before)
        )
        parts.append(part / (last - knots[0]) ** 2)
    return np.column_stack(parts)


def _cubed(x: Floats) -> Floats:
    return np.asarray(np.maximum(x, 0.0) ** 3)


def _knots(log_odds: Floats, women: int) -> Floats:
    for places in (_FOUR, _THREE) if women >= _ENOUGH_FOR_FOUR else (_THREE,):
        knots = np.quantile(log_odds, places)
        if len(np.unique(knots)) == len(places):
            return np.asarray(knots)
    return np.linspace(log_odds.min(), log_odds.max(), 5)[1:4]


def _fit(design: Floats, positive: NDArray[np.bool_]) -> Floats:
    """The most likely coefficients."""

    def loss(coefficients: Floats) -> tuple[float, Floats]:
        linear = design @ coefficients
        value = float(np.mean(np.logaddexp(0.0, linear) - positive * linear))
        return value, np.asarray(design.T @ (expit(linear) - positive) / len(positive))

    def bend(coefficients: Floats) -> Floats:
        share = expit(design @ coefficients)
        return np.asarray((design * (share * (1 - share))[:, None]).T @ design / len(positive))

    start = np.zeros(design.shape[1])
    start[1] = 1.0
    found = minimize(loss, start, jac=True, hess=bend, method="trust-exact", tol=1e-8)
    return np.asarray(found.x)


def _covariance(cases: Cases, design: Floats, fitted: Floats) -> Floats | None:
    """Huber's sandwich with women as clusters (Williams 2000)."""
    share = expit(design @ fitted)
    information = (design * (share * (1 - share))[:, None]).T @ design
    if np.linalg.cond(information) > _MOST_CONDITION:
        return None
    bread = np.linalg.inv(information)
    pulls = np.stack(
        [
            np.bincount(cases.groups, weights=column)
            for column in ((cases.positive - share)[:, None] * design).T
        ],
        axis=1,
    )
    women = cases.group_count
    return np.asarray(bread @ pulls.T @ pulls @ bread * women / (women - 1))


def _points(log_odds: Floats) -> tuple[Floats, Floats]:
    """Where distances are looked at, and the share of the cases that lies there."""
    values, counts = np.unique(log_odds, return_counts=True)
    if len(values) <= _MOST_POINTS:
        return values, counts / counts.sum()
    shares = (np.arange(_MOST_POINTS) + 0.5) / _MOST_POINTS
    return np.quantile(log_odds, shares), np.full(_MOST_POINTS, 1 / _MOST_POINTS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Distances:
    """Of curves from the scores they were fitted on."""

    design: Floats
    scores: Floats
    weights: Floats
    fitted: Floats

    def of(self, coefficients: Floats) -> tuple[float, float]:
        apart = np.abs(expit(self.design @ coefficients) - self.scores)
        order = np.argsort(apart)
        beyond = np.searchsorted(np.cumsum(self.weights[order]), 0.9 - 1e-12)
        return float(self.weights @ apart), float(apart[order][beyond])


def _intervals(
    at: _Distances, spread: Floats, *, is_straight: bool, seed: int
) -> tuple[Interval, Interval]:
    """Of ICI and E90, from curves drawn as the fit may have come out. A distance is never below 0,
    so draws lie further out than the curve itself: their further end, taken to both sides, held
    where the ends as drawn, or turned round, did not. From 0 where the curve may be the score.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_normal(at.fitted, spread, _DRAWS, method="eigh")
    found = np.array([at.of(one) for one in drawn])
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    ends = []
    for number, value in enumerate(at.of(at.fitted)):
        low, high = (float(end) for end in np.quantile(found[:, number], tails))
        reach = max(high - value, value - low)
        ends.append((0.0 if is_straight else max(0.0, value - reach), min(1.0, value + reach)))
    return ends[0], ends[1]


def _shown(
    log_odds: Floats, knots: Floats, fitted: Floats, spread: Floats, *, half: float
) -> pd.DataFrame:
    """The curve with its band where nearly all cases lie."""
    x = np.unique(np.quantile(log_odds, np.linspace(0.005, 0.995, _SHOWN)))
    design = spline(x, knots)
    middle = design @ fitted
    error = half * np.sqrt(np.einsum("ij,jk,ik->i", design, spread, design))
    return pd.DataFrame(
        {
            "score": expit(x),
            "share": expit(middle),
            "low": expit(middle - error),
            "high": expit(middle + error),
        }
    )
