"""ROC and precision-recall curves as tables, one row per corner, with its threshold."""

import numpy as np
import pandas as pd

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
