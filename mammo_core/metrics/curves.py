"""ROC and precision-recall curves, one row per corner with its threshold, and their areas."""

import math
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.rates import covariance_of_sums
from mammo_core.metrics.threshold import operating_points
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    Estimate,
    IntervalMethod,
    logit_interval,
    need_both_classes,
    rate_with_interval,
    strata_of,
    t_quantile,
)
from mammo_core.words import many


def roc_curve(cases: Cases) -> pd.DataFrame:
    """`threshold, sensitivity, false_positive_rate`, from nobody called to everybody."""
    points = operating_points(cases)
    return pd.DataFrame(
        {
            "threshold": points.thresholds,
            "sensitivity": points.sensitivity,
            "false_positive_rate": 1.0 - points.specificity,
        }
    )


def pr_curve(cases: Cases) -> pd.DataFrame:
    """`threshold, sensitivity, ppv`; where nobody is called there is no PPV and no row."""
    points = operating_points(cases)
    return pd.DataFrame(
        {
            "threshold": points.thresholds[1:],
            "sensitivity": points.sensitivity[1:],
            "ppv": points.true_positives[1:] / points.called[1:],
        }
    )


def average_precision(cases: Cases) -> float:
    """The PR curve's area, as steps (no interpolation, which flatters; Davis and Goadrich 2006)."""
    curve = pr_curve(cases)
    steps = np.diff(curve["sensitivity"].to_numpy(), prepend=0.0)
    return float(steps @ curve["ppv"].to_numpy())


def probabilistic_f1(cases: Cases) -> float:
    """F1 with scores in the place of calls, as the RSNA 2022 challenge ranked by."""
    if not cases.positives:
        raise TableError(
            f"There is no case with {cases.finding.one} among these, so F1 cannot be computed."
        )
    found = float(cases.score[cases.positive].sum())
    called = float(cases.score.sum())
    return 2 * found / (called + cases.positives)


Floats = NDArray[np.float64]
_NO_SPREAD: Final = 1e-9
#: Women with cancer below which no average precision is told: the interval of 10 or 20 held in 89
#: to 91 of 100, that of 40 among 2,000 in 91.
FEWEST_FOR_PRECISION: Final = 50


def why_no_precision(cases: Cases) -> str:
    """The reason in a sentence; "" where there are enough women with what is looked for."""
    women = len(np.unique(cases.groups[cases.positive]))
    if women >= FEWEST_FOR_PRECISION:
        return ""
    return (
        f"No average precision: there {'is' if women == 1 else 'are'} "
        f"{many(women, 'woman', 'women')} with {cases.finding.one}, and under "
        f"{FEWEST_FOR_PRECISION} its interval does not hold as often as it says; of a handful "
        "it also comes out too high (of 3, twice the truth)."
    )


def average_precision_with_interval(cases: Cases) -> Estimate | None:
    """None where there are too few women, or where nothing varies.

    The interval is that of the log-odds (Boyd 2013), with the spread between women linearised: how
    far each woman moves the area, women with and women without cancer each about their own mean.
    """
    need_both_classes(cases, what="an average precision")
    value = average_precision(cases)
    if cases.group_count < FEWEST_GROUPS or value >= 1.0 or why_no_precision(cases):
        return None
    error = precision_error(cases)
    if error <= _NO_SPREAD:
        return None
    half = t_quantile(cases) * error
    low, high = logit_interval(value, half)
    return Estimate(
        value=value,
        low=low,
        high=high,
        method=IntervalMethod.UNNAMED if cases.unnamed else IntervalMethod.LINEARISED,
        positives=cases.positives,
        negatives=cases.negatives,
        groups=cases.group_count,
    )


def precision_error(cases: Cases) -> float:
    """Standard error of the average precision; one sort, so that a million cases take a second."""
    order = np.argsort(-cases.score, kind="stable")
    score, positive = cases.score[order], cases.positive[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    rung = np.repeat(np.arange(len(last)), np.diff(last, prepend=-1))
    called, found = last + 1.0, np.cumsum(positive)[last]
    here = np.diff(found, prepend=0.0)  # cancers at each score
    # A case moves the precision at its own score and at every lower one.
    gained = np.cumsum((here / called)[::-1])[::-1]
    lost = np.cumsum((here * found / called**2)[::-1])[::-1]
    precision = found / called
    value = float(here @ precision) / cases.positives
    pull = positive * (precision[rung] - value + gained[rung]) - lost[rung]
    by_woman = np.bincount(cases.groups[order], weights=pull / cases.positives).astype(np.float64)
    spread = covariance_of_sums(by_woman[None], strata_of(cases.positive, cases.groups))
    return math.sqrt(spread[0, 0])


def rate_bands(cases: Cases, *, most: int = 100) -> pd.DataFrame:
    """`threshold`, and sensitivity and specificity with `_low` and `_high`, rising.

    At most `most` thresholds, at shares of the cases. Each interval holds at its own threshold;
    together they are no band for the whole curve.
    """
    shares = np.linspace(0.0, 1.0, most)
    thresholds = np.unique(np.quantile(cases.score, shares, method="inverted_cdf"))
    rows = []
    for threshold in thresholds:
        called = cases.score >= threshold
        found = rate_with_interval(called[cases.positive], cases.groups[cases.positive])
        left = rate_with_interval(~called[~cases.positive], cases.groups[~cases.positive])
        rows.append(
            (threshold, found.value, found.low, found.high, left.value, left.low, left.high)
        )
    names = [
        f"{rate}{end}" for rate in ("sensitivity", "specificity") for end in ("", "_low", "_high")
    ]
    return pd.DataFrame(rows, columns=["threshold", *names])
