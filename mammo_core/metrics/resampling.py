"""The bootstrap over groups: women are drawn again with replacement, with all their cases.

For numbers without a formula for their spread, and to check those that have one. Vectorised over
resamples: a resample is a weight per woman, and ranks are computed once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 2000
_CELLS_AT_ONCE: Final = 2_000_000  # keeps a chunk of resamples within the processor's cache

Floats = NDArray[np.float64]


def resampled_weights(
    strata: NDArray[np.intp], *, resamples: int, seed: int
) -> Iterator[NDArray[np.int32]]:
    """Chunks (resamples, groups): how often each group was drawn, each stratum on its own."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    chunk = max(1, _CELLS_AT_ONCE // len(strata))
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        weights = np.empty((rows, len(strata)), dtype=np.int32)
        offsets = np.arange(rows)[:, None]
        for group in members:
            drawn = rng.integers(0, len(group), size=(rows, len(group))) + offsets * len(group)
            counts = np.bincount(drawn.ravel(), minlength=rows * len(group))
            weights[:, group] = counts.reshape(rows, len(group))
        yield weights


def strata_of(positive: NDArray[np.bool_], groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """1 for groups with a cancer, 0 for the others: resamples keep both numbers as they are."""
    return (np.bincount(groups, weights=positive) > 0).astype(np.intp)


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
