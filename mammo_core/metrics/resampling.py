"""The bootstrap over groups: women are drawn again with replacement, with all their cases.

Everything is vectorised over resamples. A rate needs only how many women there are of each pattern
(hits, cases), so its resamples are one multinomial draw; an AUC needs each woman's weight.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 2000
_CELLS_AT_ONCE: Final = 2_000_000  # keeps a chunk of resamples within the processor's cache

Floats = NDArray[np.float64]


def resampled_rates(
    hits: NDArray[np.bool_], groups: NDArray[np.intp], *, resamples: int, seed: int
) -> Floats:
    """The share of hits in each resample of the groups."""
    cases = np.bincount(groups)
    patterns, women = np.unique(
        np.stack([np.bincount(groups, weights=hits), cases])[:, cases > 0],
        axis=1,
        return_counts=True,
    )
    total = int(women.sum())
    draws = np.random.default_rng(seed).multinomial(total, women / total, size=resamples)
    drawn_hits, drawn_cases = patterns @ draws.T
    return np.asarray(drawn_hits / drawn_cases)


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
    ranked = [_Ranked.of(row, positive, groups) for row in scores]
    strata = strata_of(positive, groups)
    chunks = resampled_weights(strata, resamples=resamples, seed=seed)
    return np.concatenate(
        [np.stack([model.aucs(weights) for model in ranked]) for weights in chunks], axis=1
    )


class _Ranked:
    """One model's cases in rank order, so that a resample costs a running sum and no sort."""

    __slots__ = ("lower", "negative_groups", "positive_groups", "upper")

    def __init__(
        self,
        negative_groups: NDArray[np.intp],
        positive_groups: NDArray[np.intp],
        lower: NDArray[np.intp],
        upper: NDArray[np.intp],
    ) -> None:
        self.negative_groups = negative_groups
        self.positive_groups = positive_groups
        self.lower = lower
        self.upper = upper

    @classmethod
    def of(cls, score: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]) -> "_Ranked":
        order = np.argsort(score[~positive])
        negatives = score[~positive][order]
        return cls(
            groups[~positive][order],
            groups[positive],
            np.searchsorted(negatives, score[positive], side="left"),
            np.searchsorted(negatives, score[positive], side="right"),
        )

    def aucs(self, weights: NDArray[np.int32]) -> Floats:
        below = np.zeros((len(weights), len(self.negative_groups) + 1), dtype=np.int32)
        np.cumsum(weights[:, self.negative_groups], axis=1, out=below[:, 1:])
        positive_weights = weights[:, self.positive_groups]
        right = np.einsum(
            "rp,rp->r", positive_weights, below[:, self.lower] + below[:, self.upper], dtype=float
        )
        pairs = 2.0 * positive_weights.sum(axis=1) * below[:, -1]
        with np.errstate(invalid="ignore"):
            return np.asarray(right / pairs)
