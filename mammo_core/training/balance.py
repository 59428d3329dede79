"""Few cancers among many images: which images an epoch shows, and in which order.

All of it happens after the split and to training images alone. A copy of an image is the same image
under another number, so that it is changed at random in another way.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammo_core.config import BalanceConfig
from mammo_core.errors import ConfigError

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """The images of an epoch by row, and how often each has been shown before in it."""

    rows: Rows
    copies: Rows


def epoch_order(
    positive: NDArray[np.bool_], balance: BalanceConfig, *, seed: int, epoch: int, batch_size: int
) -> Order:
    """What an epoch shows; every epoch draws anew, from nothing but its number and the seed."""
    rng = np.random.default_rng([seed, epoch])
    if balance.sampler == "weighted":
        rows = _draw_weighted(positive, balance.positive_share, rng)
    else:
        rows = rng.permutation(_repeated(positive, balance)).astype(np.int64)
    if balance.positives_per_batch:
        rows = _with_positives(
            rows, positive, least=balance.positives_per_batch, batch_size=batch_size, rng=rng
        )
    return Order(rows=rows, copies=_occurrences(rows))


def images_per_epoch(positive: NDArray[np.bool_], balance: BalanceConfig) -> int:
    return len(_repeated(positive, balance))


def _repeated(positive: NDArray[np.bool_], balance: BalanceConfig) -> Rows:
    """Every image once; with "oversample" the positive ones again until their share is reached."""
    rows = np.arange(len(positive), dtype=np.int64)
    if balance.sampler != "oversample" or not positive.any():
        return rows
    share = balance.positive_share
    wanted = math.ceil(np.sum(~positive) * share / (1.0 - share))
    extra = max(0, wanted - int(positive.sum()))
    return np.concatenate([rows, np.resize(np.flatnonzero(positive), extra)])


def _draw_weighted(positive: NDArray[np.bool_], share: float, rng: np.random.Generator) -> Rows:
    weights = np.where(
        positive, share / max(1, positive.sum()), (1.0 - share) / max(1, (~positive).sum())
    )
    return rng.choice(len(positive), size=len(positive), p=weights / weights.sum()).astype(np.int64)


def _with_positives(
    rows: Rows,
    positive: NDArray[np.bool_],
    *,
    least: int,
    batch_size: int,
    rng: np.random.Generator,
) -> Rows:
    """Batches with too few positive images take some in the place of negative ones."""
    if least > batch_size:
        raise ConfigError(
            f"A batch of {batch_size} cannot hold {least} positive images. Make it larger."
        )
    rows, pool = rows.copy(), np.flatnonzero(positive)
    for start in range(0, len(rows) - batch_size + 1, batch_size):
        batch = rows[start : start + batch_size]
        lacking = least - int(positive[batch].sum())
        if lacking > 0:
            places = rng.choice(np.flatnonzero(~positive[batch]), size=lacking, replace=False)
            batch[places] = rng.choice(pool, size=lacking, replace=lacking > len(pool))
    return rows


def _occurrences(rows: Rows) -> Rows:
    """0 where an image is shown for the first time, 1 for the second, ..."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(starts, len(rows)))
    counted = np.arange(len(rows)) - np.repeat(starts, lengths)
    result = np.empty(len(rows), dtype=np.int64)
    result[order] = counted
    return result
