"""What calling from a probability on is worth: true calls less false ones at the price that the
probability stands for (decision curves; Vickers and Elkin 2006), with intervals, and of several
models against each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import Difference, among_all, difference_of
from mammo_core.metrics.rates import covariance_of_sums, weighted_sum
from mammo_core.metrics.threshold import operating_points
from mammo_core.metrics.uncertainty import (
    IntervalMethod,
    degrees_of_freedom,
    rate_with_interval,
    strata_of,
    women_of_smaller_class,
)

Floats = NDArray[np.float64]
_NO_SPREAD: Final = 1e-12
#: Women of each kind below which two models' net benefits are not tested against each other.
FEWEST_OF_EACH: Final = 10


def net_benefit(
    *, sensitivity: Floats, specificity: Floats, prevalence: float, threshold: Floats
) -> Floats:
    """sens * p - (1 - spec) * (1 - p) * t / (1 - t)."""
    price = threshold / (1 - threshold)
    return sensitivity * prevalence - (1 - specificity) * (1 - prevalence) * price


def decision_curve(cases: Cases, *, prevalence: float, thresholds: Floats) -> pd.DataFrame:
    """`threshold, model, low, high, everybody, nobody`. Scores must be probabilities at
    `prevalence`. Each interval holds at its own threshold, with the prevalence taken as given.
    """
    _check(cases, thresholds)
    points = operating_points(cases)
    at = np.searchsorted(-points.thresholds, -thresholds, side="right") - 1
    one = np.ones(len(thresholds))
    low, high = _band(cases, prevalence=prevalence, thresholds=thresholds)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "model": net_benefit(
                sensitivity=points.sensitivity[at],
                specificity=points.specificity[at],
                prevalence=prevalence,
                threshold=thresholds,
            ),
            "low": low,
            "high": high,
            "everybody": net_benefit(
                sensitivity=one, specificity=0 * one, prevalence=prevalence, threshold=thresholds
            ),
            "nobody": 0 * one,
        }
    )


def _check(cases: Cases, thresholds: Floats) -> None:
    if not cases.positives or not cases.negatives:
        raise TableError(
            f"A decision curve needs cases with and cases without {cases.finding.one}."
        )
    if not ((thresholds > 0) & (thresholds < 1)).all():
        raise TableError("The thresholds of a decision curve must lie between 0 and 1.")


def _band(cases: Cases, *, prevalence: float, thresholds: Floats) -> tuple[Floats, Floats]:
    ends = [benefit_interval(cases, prevalence=prevalence, threshold=t) for t in thresholds]
    return np.array([low for _, low, _ in ends]), np.array([high for _, _, high in ends])


def benefit_interval(
    cases: Cases, *, prevalence: float, threshold: float
) -> tuple[float, float, float]:
    """The net benefit and the ends of its interval, put together from those of the two rates."""
    called, ill, groups = cases.score >= threshold, cases.positive, cases.groups
    price = threshold / (1 - threshold)
    return weighted_sum(
        (prevalence, rate_with_interval(called[ill], groups[ill])),
        (-(1 - prevalence) * price, rate_with_interval(called[~ill], groups[~ill])),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBenefit:
    """A model's net benefit per case at one threshold. `behind` is the best model's less this
    one's; None for the best itself, and where there are too few women for a test.
    """

    name: str
    value: float
    low: float
    high: float
    behind: Difference | None


def why_no_test(cases: Cases) -> str:
    fewest = women_of_smaller_class(cases)
    if fewest >= FEWEST_OF_EACH:
        return ""
    return (
        f"Differences are not tested: that needs {FEWEST_OF_EACH} women with and as many without "
        f"{cases.finding.one}, and of one kind there are {fewest}."
    )


def net_benefits(
    names: Sequence[str], models: Sequence[Cases], *, prevalence: float, threshold: float
) -> list[NetBenefit]:
    """Of models over the same cases, each with its own probabilities, the most useful first. The
    differences are paired by woman, and allow for the best having been picked on these cases.
    """
    for model in models:
        _check(model, np.array([threshold]))
    if any(model.case_ids != models[0].case_ids for model in models):
        raise TableError("A paired difference needs the same cases in the same order.")
    found = [benefit_interval(one, prevalence=prevalence, threshold=threshold) for one in models]
    pulls = np.stack([_pulls(one, prevalence=prevalence, threshold=threshold) for one in models])
    first = models[0]
    spread = covariance_of_sums(pulls, strata_of(first.positive, first.groups))
    freedom = degrees_of_freedom(first)
    among = among_all(spread, freedom)
    order = sorted(range(len(models)), key=lambda number: -found[number][0])
    best = order[0]

    def behind(number: int) -> Difference | None:
        variance = spread[best, best] + spread[number, number] - 2 * spread[best, number]
        if number == best or why_no_test(first) or variance <= _NO_SPREAD:
            return None
        return difference_of(
            found[best][0] - found[number][0], math.sqrt(variance),
            of=first, among=among, method=IntervalMethod.LINEARISED,
        )  # fmt: skip

    return [
        NetBenefit(
            name=names[number],
            value=found[number][0],
            low=found[number][1],
            high=found[number][2],
            behind=behind(number),
        )
        for number in order
    ]


def _pulls(cases: Cases, *, prevalence: float, threshold: float) -> Floats:
    """What each woman adds to the net benefit."""
    price = threshold / (1 - threshold)
    worth = np.where(
        cases.positive, prevalence / cases.positives, -(1 - prevalence) * price / cases.negatives
    )
    pulls = np.bincount(cases.groups, weights=worth * (cases.score >= threshold))
    return pulls.astype(np.float64)
