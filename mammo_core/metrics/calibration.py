"""Whether a score of 0.2 means cancer in 20 of 100, and how to make it so."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, logit

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    FEWEST_GROUPS,
    FEWEST_OF_CLASS,
    need_both_classes,
    rate_with_interval,
    resampled_weights,
    t_quantile,
    women_of_smaller_class,
)
from mammo_core.scores import STEP, Recalibration, ScoreMap

Floats = NDArray[np.float64]
Interval = tuple[float, float]
#: A score of 0 or 1 has no log-odds. The edge lies far below the steps that scores are kept in, so
#: that it moves no score between: one of a millionth moved a slope of .88 to .75.
_EDGE: Final = 1e-12
_NO_SPREAD: Final = 1e-6
_MOST_CONDITION: Final = 1e10  # beyond it a matrix cannot be inverted with what a double holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Brier:
    """Mean squared error and Murphy's (1973) parts: score = reliability - resolution + uncertainty.

    The parts are those of the binned scores; `within_bins` is what binning leaves over.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float

    @property
    def within_bins(self) -> float:
        return self.score - (self.reliability - self.resolution + self.uncertainty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`intercept` 0 and `slope` 1 are perfect (Cox 1958; van Calster 2019).

    `intercept` is calibration in the large: above 0 the scores are too low on the whole. `slope`
    below 1: too extreme. `expected_error` is the mean gap between score and share, by bins (ECE).
    Intervals are by woman; None where there are too few women, or nothing that varies.
    """

    intercept: float
    intercept_interval: Interval | None
    slope: float
    slope_interval: Interval | None
    brier_interval: Interval | None
    expected_error: float
    brier: Brier
    bins: pd.DataFrame  # score, share, low, high, cases, positives


def calibration_of(cases: Cases, *, bins: int = 10) -> Calibration:
    """Reliability by bins of equally many cases, and the numbers that sum it up."""
    need_both_classes(cases, what="calibration")
    table = reliability(cases, bins=bins)
    weight = table["cases"].to_numpy() / len(cases)
    gap = table["share"].to_numpy() - table["score"].to_numpy()
    base = cases.positives / len(cases)
    log_odds = log_odds_to_fit(cases.score)
    in_the_large = _fit_logistic(log_odds, cases.positive, is_slope_free=False)
    free = _fit_logistic(log_odds, cases.positive, is_slope_free=True)
    constant = np.ones((len(cases), 1))
    squares = (cases.score - cases.positive) ** 2
    return Calibration(
        intercept=in_the_large[0],
        intercept_interval=_interval(cases, log_odds, in_the_large, 0, design=constant),
        slope=free[1],
        slope_interval=None
        if is_separated(cases)
        else _interval(cases, log_odds, free, 1, design=np.column_stack([constant, log_odds])),
        brier_interval=_mean_interval(cases, squares),
        expected_error=float(weight @ np.abs(gap)),
        brier=Brier(
            score=float(squares.mean()),
            reliability=float(weight @ gap**2),
            resolution=float(weight @ (table["share"].to_numpy() - base) ** 2),
            uncertainty=base * (1 - base),
        ),
        bins=table,
    )


def reliability(cases: Cases, *, bins: int = 10) -> pd.DataFrame:
    """Mean score against share of cancers with its interval; equal scores share a bin."""
    number = bin_numbers(cases.score, bins=bins)
    rows = []
    for index in np.unique(number):
        members = number == index
        rate = rate_with_interval(cases.positive[members], cases.groups[members])
        rows.append(
            {
                "score": float(cases.score[members].mean()),
                "share": rate.value,
                "low": rate.low,
                "high": rate.high,
                "cases": rate.total,
                "positives": rate.count,
            }
        )
    return pd.DataFrame(rows)


def bin_numbers(score: Floats, *, bins: int) -> NDArray[np.intp]:
    """Which of `bins` parts of equally many cases each case falls into; equal scores share one."""
    ranks = pd.Series(score).rank(method="average", pct=True).to_numpy()
    return np.minimum((ranks * bins).astype(np.intp), bins - 1)


def fit_score_map(cases: Cases, kind: Recalibration) -> ScoreMap:
    """Learn it on validation or out-of-fold cases, never on the test set."""
    need_both_classes(cases, what="a re-calibration")
    prevalence, edge = cases.positives / len(cases), _edge_to_fit(cases.score)
    log_odds = _log_odds(cases.score, edge)
    match kind:
        case Recalibration.TEMPERATURE:
            slope = _temperature(log_odds, cases)
            return ScoreMap(kind=kind, prevalence=prevalence, edge=edge, slope=slope)
        case Recalibration.PLATT:
            intercept, slope = _fit_logistic(log_odds, cases.positive, is_slope_free=True)
            if slope <= 0.0:
                raise TableError(
                    f"Among these cases higher scores do not mean {cases.finding.one}, so they "
                    "cannot be turned into probabilities. Is the score that of the other class?"
                )
            return ScoreMap(
                kind=kind, prevalence=prevalence, edge=edge, slope=slope, intercept=intercept
            )
        case Recalibration.ISOTONIC:
            knots, numbers = np.unique(cases.score, return_inverse=True)
            weights = np.bincount(numbers)
            shares = np.bincount(numbers, weights=cases.positive) / weights
            values = isotonic_regression(shares, weights=weights).x
            return ScoreMap(
                kind=kind,
                prevalence=prevalence,
                knots=tuple(map(float, knots)),
                values=tuple(map(float, values)),
            )


def recalibrate(cases: Cases, score_map: ScoreMap) -> Cases:
    """The same cases with probabilities for scores."""
    return replace(cases, score=map_scores(cases.score, score_map))


def map_scores(scores: Floats, score_map: ScoreMap) -> Floats:
    """Each score as the probability it stands for."""
    if score_map.kind is Recalibration.ISOTONIC:
        return np.asarray(np.interp(scores, score_map.knots, score_map.values))
    log_odds = _log_odds(scores, score_map.edge)
    return np.asarray(expit(score_map.intercept + score_map.slope * log_odds))


def unmap_score(value: float, score_map: ScoreMap) -> float:
    """The lowest score that stands for `value` or more; infinite where none does.

    Found by halving, down to neighbouring numbers: a threshold is often one case's own score, which
    rounding must not put on the other side of it.
    """
    low, high = 0.0, 1.0
    if _mapped(low, score_map) >= value:
        return low
    if _mapped(high, score_map) < value:
        return math.inf
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if _mapped(middle, score_map) >= value else (middle, high)
    return high


def at_prevalence(cases: Cases, *, fitted: float, wanted: float) -> Cases:
    """Probabilities calibrated at one prevalence, carried to another by the odds (Elkan 2001)."""
    for name, value in (("fitted", fitted), ("wanted", wanted)):
        if not 0.0 < value < 1.0:
            raise TableError(f"The {name} prevalence is {value}; it must lie between 0 and 1.")
    shift = float(logit(wanted) - logit(fitted))
    return replace(cases, score=expit(_log_odds(cases.score) + shift))


def probabilities_at(cases: Cases, score_map: ScoreMap, *, prevalence: float) -> Cases:
    """`cases`, as their model scored them, as probabilities among women with this prevalence.

    A TableError for a temperature: it stretches scores about one half and has no term for how many
    have cancer, so what comes of it need not be right on the whole at any prevalence.
    """
    if score_map.kind is Recalibration.TEMPERATURE:
        raise TableError(
            f"A temperature does not set how many have {cases.finding.one}, so its "
            "probabilities hold at no known prevalence and have no decision curve. "
            "Choose Platt or isotonic."
        )
    mapped = recalibrate(cases, score_map)
    return at_prevalence(mapped, fitted=score_map.prevalence, wanted=prevalence)


def _mapped(score: float, score_map: ScoreMap) -> float:
    return float(map_scores(np.array([score]), score_map)[0])


def _log_odds(score: Floats, edge: float = _EDGE) -> Floats:
    return np.asarray(logit(np.clip(score, edge, 1 - edge)))


def log_odds_to_fit(score: Floats) -> Floats:
    """As `_log_odds`, but a 0 or 1 is as extreme as rounding makes it, or as the others are: so far
    out that it would pull at a slope more than all others, it is nowhere found to be.
    """
    return _log_odds(score, _edge_to_fit(score))


def _edge_to_fit(score: Floats) -> float:
    apart = np.minimum(score, 1 - score)
    return max(_EDGE, min(STEP, float(apart[apart > 0].min(initial=STEP))))


def _fit_logistic(
    log_odds: Floats, positive: NDArray[np.bool_], *, is_slope_free: bool
) -> tuple[float, float]:
    """Intercept and slope of greatest likelihood; the slope is 1 unless it is free."""

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slope = parameters[1] if is_slope_free else 1.0
        linear = parameters[0] + slope * log_odds
        error = expit(linear) - positive
        gradient = [error.mean(), (error * log_odds).mean()]
        value = float(np.mean(np.logaddexp(0.0, linear) - positive * linear))
        return value, np.array(gradient[: 1 + is_slope_free])

    start = np.array([0.0, 1.0])[: 1 + is_slope_free]
    bounds = [(-50.0, 50.0), (-50.0, 50.0)][: 1 + is_slope_free]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-12)
    return float(found.x[0]), float(found.x[1]) if is_slope_free else 1.0


def is_separated(cases: Cases) -> bool:
    """Whether one score parts the classes: then the steeper the better, and no slope is best."""
    with_cancer, without = cases.score[cases.positive], cases.score[~cases.positive]
    return bool(with_cancer.min() >= without.max() or with_cancer.max() <= without.min())


def _interval(
    cases: Cases, log_odds: Floats, fitted: tuple[float, float], of: int, *, design: Floats
) -> Interval | None:
    """Of one fitted number, by the sandwich of Huber with women as clusters (Williams 2000).

    None where women are few, or all scores alike.
    """
    share = expit(fitted[0] + fitted[1] * log_odds)
    information = (design * (share * (1 - share))[:, None]).T @ design
    if cases.group_count < FEWEST_GROUPS or np.linalg.cond(information) > _MOST_CONDITION:
        return None
    bread = np.linalg.inv(information)
    pulls = _sums_by_woman(cases, (cases.positive - share)[:, None] * design)
    return _around(cases, fitted[of], variance=float((bread @ pulls.T @ pulls @ bread)[of, of]))


def _mean_interval(cases: Cases, values: Floats) -> Interval | None:
    if cases.group_count < FEWEST_GROUPS:
        return None
    pulls = _sums_by_woman(cases, (values - values.mean())[:, None])
    interval = _around(
        cases, float(values.mean()), variance=float((pulls**2).sum()) / len(values) ** 2
    )
    return interval and (max(0.0, interval[0]), min(1.0, interval[1]))


def _sums_by_woman(cases: Cases, columns: Floats) -> Floats:
    return np.stack([np.bincount(cases.groups, weights=column) for column in columns.T], axis=1)


def _around(cases: Cases, value: float, *, variance: float) -> Interval | None:
    women = cases.group_count
    error = math.sqrt(variance * women / (women - 1))
    half = error * t_quantile(cases)
    return (value - half, value + half) if half > _NO_SPREAD else None


def _temperature(log_odds: Floats, cases: Cases) -> float:
    def loss(log_slope: float) -> float:
        linear = math.exp(log_slope) * log_odds
        return float(np.mean(np.logaddexp(0.0, linear) - cases.positive * linear))

    return math.exp(float(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))


RESAMPLES: Final = 500
_CELLS_AT_ONCE: Final = 2_000_000
_TAILS: Final = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def expected_error_interval(cases: Cases, *, bins: int = 10, seed: int = 0) -> Interval | None:
    """None where women of either kind are few: of 3 to 5 with cancer it held in 72 to 81 of 100,
    of 34 in 91 where scores were wrong on the whole.

    The bootstrap's distances, turned round the error (the basic bootstrap). The lower end is 0
    where turning the sign of each woman's gaps at random, which makes scores right on the whole,
    gives errors as large.
    """
    if women_of_smaller_class(cases) < FEWEST_OF_CLASS:
        return None
    gaps = _gaps_by_woman(cases, bins)
    error = float(np.abs(gaps.sum(axis=0)).sum()) / len(cases)
    low, high = np.quantile(_drawn_again(cases, gaps, seed), _TAILS)
    right_on_the_whole = float(np.quantile(_signs_turned(gaps, seed), _TAILS[1])) / len(cases)
    upper = min(1.0, max(2 * error - float(low), error))
    if error <= right_on_the_whole:
        return 0.0, upper
    return max(0.0, 2 * error - float(high)), upper


def _gaps_by_woman(cases: Cases, bins: int) -> Floats:
    """(women, bins): her cancers less her scores."""
    gaps = np.zeros((cases.group_count, bins))
    np.add.at(
        gaps, (cases.groups, bin_numbers(cases.score, bins=bins)), cases.positive - cases.score
    )
    return gaps


def _drawn_again(cases: Cases, gaps: Floats, seed: int) -> Floats:
    sizes = np.bincount(cases.groups)
    everybody = np.zeros(len(sizes), dtype=np.intp)
    return np.concatenate(
        [
            np.abs(weights @ gaps).sum(axis=1) / (weights @ sizes)
            for weights in resampled_weights(everybody, resamples=RESAMPLES, seed=seed)
        ]
    )


def _signs_turned(gaps: Floats, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    half = gaps.sum(axis=0) / 2  # a sum with signs is twice that of some women less half of all
    rows = max(1, _CELLS_AT_ONCE // len(gaps))
    chosen = (
        rng.integers(0, 2, size=(min(rows, RESAMPLES - start), len(gaps)), dtype=np.int8)
        for start in range(0, RESAMPLES, rows)
    )
    return np.concatenate([np.abs(2 * (one @ gaps - half)).sum(axis=1) for one in chosen])
