"""Decision curves: is calling by this model better than calling everybody, or nobody?

A reader who calls at a probability t says that one cancer found is worth (1 - t) / t false alarms.
Net benefit counts cancers found per case, less the false alarms at that price (Vickers 2006).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import operating_points

Floats = NDArray[np.float64]


def net_benefit(
    *, sensitivity: Floats, specificity: Floats, prevalence: float, threshold: Floats
) -> Floats:
    """sens * p - (1 - spec) * (1 - p) * t / (1 - t)."""
    price = threshold / (1 - threshold)
    return sensitivity * prevalence - (1 - specificity) * (1 - prevalence) * price


def decision_curve(cases: Cases, *, prevalence: float, thresholds: Floats) -> pd.DataFrame:
    """`threshold, model, everybody, nobody`. Scores must be probabilities at `prevalence`."""
    if not cases.positives or not cases.negatives:
        raise TableError("A decision curve needs cases with and cases without cancer.")
    if not ((thresholds > 0) & (thresholds < 1)).all():
        raise TableError("The thresholds of a decision curve must lie between 0 and 1.")
    points = operating_points(cases)
    at = np.searchsorted(-points.thresholds, -thresholds, side="right") - 1
    one = np.ones(len(thresholds))
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "model": net_benefit(
                sensitivity=points.sensitivity[at],
                specificity=points.specificity[at],
                prevalence=prevalence,
                threshold=thresholds,
            ),
            "everybody": net_benefit(
                sensitivity=one, specificity=0 * one, prevalence=prevalence, threshold=thresholds
            ),
            "nobody": 0 * one,
        }
    )
