"""The reference that closed forms are held against: AUCs of women drawn again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammo_core.metrics.uncertainty import Floats, resampled_weights, strata_of


def resampled_aucs(
    scores: Floats,
    positive: NDArray[np.bool_],
    groups: NDArray[np.intp],
    *,
    resamples: int,
    seed: int,
) -> Floats:
    """One row per row of `scores` (models, cases), one column per resample; NaN without a class.

    All models see the same resamples, so rows may be subtracted.
    """
    ranked = [_ranked(row, positive, groups) for row in scores]
    strata = strata_of(positive, groups)
    chunks = resampled_weights(strata, resamples=resamples, seed=seed)
    return np.concatenate(
        [np.stack([model.aucs(weights) for model in ranked]) for weights in chunks], axis=1
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ranked:
    """One model's cases in rank order, so that a resample costs a running sum and no sort."""

    positive_groups: NDArray[np.intp]
    negative_groups: NDArray[np.intp]  # in the order of their scores
    below: NDArray[np.intp]  # per positive, how many negatives score below it ...
    not_above: NDArray[np.intp]  # ... and how many at most as high

    def aucs(self, weights: NDArray[np.int32]) -> Floats:
        running = np.zeros((len(weights), len(self.negative_groups) + 1), dtype=np.int32)
        np.cumsum(weights[:, self.negative_groups], axis=1, out=running[:, 1:])
        positives = weights[:, self.positive_groups]
        beaten_twice = running[:, self.below] + running[:, self.not_above]
        right = np.einsum("rp,rp->r", positives, beaten_twice, dtype=np.float64)
        pairs = 2.0 * positives.sum(axis=1) * running[:, -1]
        with np.errstate(invalid="ignore"):
            return np.asarray(right / pairs)


def _ranked(score: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]) -> _Ranked:
    order = np.argsort(score[~positive])
    negatives = score[~positive][order]
    return _Ranked(
        positive_groups=groups[positive],
        negative_groups=groups[~positive][order],
        below=np.searchsorted(negatives, score[positive], side="left"),
        not_above=np.searchsorted(negatives, score[positive], side="right"),
    )
