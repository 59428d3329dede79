"""An AUC by woman that counting alone cannot make: one breast drawn per woman.

By woman the highest of two breasts without cancer meets the one breast with it, so guessing loses.
Here every woman gives one breast: that with the cancer (of two, one of them drawn), else one of her
two. Drawn again and again, the mean of the AUCs is the answer, and the spread between draws is
taken off the variance, for it comes of drawing and not of the women (within-cluster resampling;
Hoffman, Sen and Weinberg 2001, Biometrika 88:1121).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.auc import auc_covariance, auc_parts, newcombe_interval
from mammo_core.metrics.cases import Cases, pool_cases
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    Estimate,
    Method,
    logit_interval,
    need_both_classes,
    normal_quantile,
    t_quantile,
)
from mammo_core.types import Level

DRAWS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnAuc:
    """The mean AUC over `draws` draws of one breast per woman, all from one seed."""

    estimate: Estimate
    draws: int
    seed: int

    @property
    def sentence(self) -> str:
        e = self.estimate
        return (
            f"AUC {e.value:.3f}, 95 % {e.low:.3f} to {e.high:.3f} ({e.method}), with one breast "
            f"drawn per woman: that with cancer, else one of hers; the mean of {self.draws} draws, "
            f"seed {self.seed}, {e.positives:,} women with and {e.negatives:,} without cancer."
        )


def one_breast_auc(predictions: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> DrawnAuc:
    """Of predictions whose sides are known. A woman is one `group_id`."""
    breasts = pool_cases(predictions, Level.BREAST)
    need_both_classes(breasts)
    starts, rows = _candidates(breasts)
    positive = breasts.positive[rows[starts]]
    if positive.all():
        raise TableError(
            f"All {len(starts)} women have cancer, so none gives a breast without it. Count by "
            "breast."
        )
    rng = np.random.default_rng(seed)
    women = np.arange(len(starts))
    parts = [
        auc_parts(breasts.score[drawn], positive, women)
        for drawn in (_drawn(starts, rows, rng) for _ in range(draws))
    ]
    values = np.array([part.value for part in parts])
    value = float(values.mean())
    variance = float(np.mean([auc_covariance(p, p) for p in parts])) - float(values.var())
    counts = int(positive.sum()), int((~positive).sum())
    if len(women) < FEWEST_GROUPS or variance <= 0.0:
        low, high = newcombe_interval(value, *counts, z=normal_quantile())
        method = Method.NEWCOMBE
    else:
        low, high = logit_interval(value, t_quantile(parts[0]) * math.sqrt(variance))
        method = Method.DELONG
    estimate = Estimate(
        value=value, low=low, high=high, method=method,
        positives=counts[0], negatives=counts[1], groups=len(women),
    )  # fmt: skip
    return DrawnAuc(estimate=estimate, draws=draws, seed=seed)


def _candidates(breasts: Cases) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The breasts a woman may give, hers in a row: `rows` of `breasts`, and where she starts."""
    has_cancer = np.bincount(breasts.groups, weights=breasts.positive) > 0
    may_be_drawn = breasts.positive | ~has_cancer[breasts.groups]
    rows = np.flatnonzero(may_be_drawn)
    rows = rows[np.argsort(breasts.groups[rows], kind="stable")]
    changes = np.flatnonzero(np.diff(breasts.groups[rows])) + 1
    return np.concatenate(([0], changes)), rows


def _drawn(
    starts: NDArray[np.intp], rows: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.intp]:
    counts = np.diff(np.append(starts, len(rows)))
    drawn: NDArray[np.intp] = rows[starts + rng.integers(0, counts)]
    return drawn
