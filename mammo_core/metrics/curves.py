"""ROC and precision-recall curves, one row per corner with its threshold, and their areas."""

import numpy as np
import pandas as pd

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import operating_points


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


def partial_auc(cases: Cases, *, least_specificity: float) -> float:
    """The area where specificity is at least that much, as a share of the most it could be.

    .5 is guessing and 1 perfect, as for the whole area (McClish 1989).
    """
    if not 0.0 <= least_specificity < 1.0:
        raise TableError(f"The least specificity is {least_specificity}; it must be 0 to below 1.")
    curve = roc_curve(cases)
    most = 1.0 - least_specificity
    x, y = curve["false_positive_rate"].to_numpy(), curve["sensitivity"].to_numpy()
    inside = x <= most
    x_cut = np.append(x[inside], most)
    y_cut = np.append(y[inside], np.interp(most, x, y))
    area = float(np.trapezoid(y_cut, x_cut))
    guessing = most**2 / 2
    return (1 + (area - guessing) / (most - guessing)) / 2


def probabilistic_f1(cases: Cases) -> float:
    """F1 with scores in the place of calls, as the RSNA 2022 challenge ranked by."""
    if not cases.positives:
        raise TableError("There is no cancer among these cases, so F1 cannot be computed.")
    found = float(cases.score[cases.positive].sum())
    called = float(cases.score.sum())
    return 2 * found / (called + cases.positives)
