"""ROC and precision-recall curves, one row per corner with its threshold, and their areas."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import operating_points
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    RESAMPLES,
    Estimate,
    IntervalMethod,
    auc_parts,
    logit_interval,
    need_both_classes,
    resampled_weights,
    strata_of,
    t_quantile,
)


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
        raise TableError("There is no cancer among these cases, so F1 cannot be computed.")
    found = float(cases.score[cases.positive].sum())
    called = float(cases.score.sum())
    return 2 * found / (called + cases.positives)


Floats = NDArray[np.float64]
_NO_SPREAD: Final = 1e-9


def average_precision_with_interval(
    cases: Cases, *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate | None:
    """None where there are too few women to draw from, or where no draw changes anything.

    The interval is that of the log-odds (Boyd 2013), with the error that the draws have.
    """
    need_both_classes(cases, what="an average precision")
    value = average_precision(cases)
    if cases.group_count < FEWEST_GROUPS or value >= 1.0:
        return None
    error = float(resampled_precisions(cases, resamples=resamples, seed=seed).std())
    if error <= _NO_SPREAD:
        return None
    half = t_quantile(auc_parts(cases.score, cases.positive, cases.groups)) * error
    low, high = logit_interval(value, half)
    return Estimate(
        value=value,
        low=low,
        high=high,
        method=IntervalMethod.BOOTSTRAP,
        positives=cases.positives,
        negatives=cases.negatives,
        groups=cases.group_count,
    )


def resampled_precisions(cases: Cases, *, resamples: int, seed: int) -> Floats:
    """The average precision of each resample, the cases sorted only once."""
    order = np.argsort(cases.score)[::-1]
    score, positive, groups = cases.score[order], cases.positive[order], cases.groups[order]
    last_of_its_score = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    strata = strata_of(cases.positive, cases.groups)
    chunks = []
    for weights in resampled_weights(strata, resamples=resamples, seed=seed):
        drawn = weights[:, groups]
        called = np.cumsum(drawn, axis=1)[:, last_of_its_score]
        found = np.cumsum(drawn * positive, axis=1)[:, last_of_its_score]
        steps = np.diff(found, axis=1, prepend=0)
        chunks.append((steps * found / np.maximum(called, 1)).sum(axis=1) / found[:, -1])
    return np.concatenate(chunks)
