"""How much the test set can tell before anything is trained: the width its intervals will have.

Women are counted, not images: those of one woman resemble each other. The AUC is by Hanley and
McNeil (1982), a sensitivity by Wilson, both at stated values.
"""

import math
from typing import Final

from mammo_core.datasets.audit.evidence import Evidence
from mammo_core.datasets.audit.finding import Finding, Severity
from mammo_core.datasets.audit.result import (
    ASSUMED_AUC,
    ASSUMED_CORRELATION,
    ASSUMED_SENSITIVITY,
    Precision,
)
from mammo_core.datasets.splits import positive_groups
from mammo_core.metrics.auc import hanley_mcneil_variance
from mammo_core.metrics.uncertainty import normal_quantile, wilson_interval
from mammo_core.types import Split

_POWER_QUANTILE: Final = 0.8416  # of a normal distribution: found in 80 of 100 repetitions
_SHARE: Final = 0.25  # of the women, where the data set brings no test split
_WIDE: Final = 0.1


def measure_precision(evidence: Evidence) -> Precision | None:
    """None where the test set would lack a class."""
    labelled = evidence.images.dropna(subset=["label"])
    tested = labelled[labelled["split"] == Split.TEST]
    is_official = not tested.empty
    positive = positive_groups(tested if is_official else labelled, evidence.task)
    share = 1.0 if is_official else _SHARE
    with_cancer = round(share * int(positive.sum()))
    without = round(share * int((~positive).sum()))
    if with_cancer < 1 or without < 1:
        return None
    error = math.sqrt(hanley_mcneil_variance(ASSUMED_AUC, with_cancer, without))
    low, high = wilson_interval(ASSUMED_SENSITIVITY, with_cancer)
    z = normal_quantile()
    return Precision(
        women_with=with_cancer,
        women_without=without,
        people=evidence.people,
        is_official=is_official,
        auc_half_width=z * error,
        sensitivity_low=low,
        sensitivity_high=high,
        smallest_difference=(z + _POWER_QUANTILE)
        * error
        * math.sqrt(2 * (1 - ASSUMED_CORRELATION)),
    )


def check_precision(precision: Precision | None) -> list[Finding]:
    if precision is None:
        sentence = "The test set lacks a class: nothing can be measured on it."
        return [Finding(check="precision", severity=Severity.SERIOUS, sentence=sentence)]
    is_wide = precision.auc_half_width > _WIDE
    return [
        Finding(
            check="precision",
            severity=Severity.WARNING if is_wide else Severity.NOTE,
            sentence=precision.sentence,
        )
    ]
