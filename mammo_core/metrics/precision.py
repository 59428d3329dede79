"""The average precision and how far chance alone could have moved it.

No formula for its spread knows of women, so women are drawn again (metrics/resampling.py), those
with and those without a cancer each on their own: guessing keeps its average precision.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.metrics.auc import auc_parts
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.curves import average_precision
from mammo_core.metrics.resampling import RESAMPLES, resampled_weights, strata_of
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    Estimate,
    Method,
    logit_interval,
    need_both_classes,
    t_quantile,
)

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
        method=Method.BOOTSTRAP,
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
