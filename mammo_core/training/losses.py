"""What training makes small, and what is done about few cancers among many images. Targets are
probabilities, one per class, so that they can be soft.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.config import BalanceConfig, LossName
from mammo_core.errors import ConfigError
from mammo_core.types import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loss:
    """Cross-entropy, its classes weighted, its easy images made light by `focal_gamma`; or for
    ordered classes the cumulative one, for which A called D is worse than A called B.
    """

    class_weights: Tensor
    focal_gamma: float = 0.0
    is_cumulative: bool = False

    def weight_of(self, targets: Tensor) -> Tensor:
        """What these images weigh together."""
        return self._weights_of(targets).sum()

    def _weights_of(self, targets: Tensor) -> Tensor:
        return targets @ self.class_weights.to(targets.device, non_blocking=True)

    def __call__(self, logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
        """In full precision whatever the network ran in: half precision loses small losses.

        `weight` is what the images are held to weigh together; without it, what they do.
        """
        log_probabilities = logits.float().log_softmax(dim=1)
        if self.is_cumulative:
            losses = cumulative_losses(log_probabilities, targets)
        else:
            losses = -(targets * log_probabilities).sum(dim=1)
        if self.focal_gamma:
            # Lin et al. (2017), with the probability of a soft target's own mixture
            right = (targets * log_probabilities.exp()).sum(dim=1)
            losses = losses * (1.0 - right).clamp(min=0.0) ** self.focal_gamma
        weights = self._weights_of(targets)
        return (weights * losses).sum() / (weights.sum() if weight is None else weight)


def cumulative_losses(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Per image the surprise at every "higher than this class?", summed over all but the last.

    The binary cross-entropies of P(y > k) are what ordinal networks are commonly trained by (CORAL,
    Cao et al. 2020; CORN, Shi et al. 2023). Taken from the softmax, P(y > k) can never rise with k,
    and the network keeps its head: heatmaps, cards and engines need not know. Each part is a
    proper score, so the probabilities stay honest, as they would with the ranked probability score;
    that is their squared error, whose gradient dies where a network is surely wrong.
    """
    upto = log_probabilities.logcumsumexp(dim=1)[:, :-1]
    above = log_probabilities.flip(1).logcumsumexp(dim=1).flip(1)[:, 1:]
    is_above = targets.flip(1).cumsum(dim=1).flip(1)[:, 1:]
    return -(is_above * above + (1.0 - is_above) * upto).sum(dim=1)


def make_loss(
    labels: NDArray[np.int64],
    balance: BalanceConfig,
    task: Task,
    name: LossName = "cross_entropy",
) -> Loss:
    """The loss for training on images with these labels."""
    count = len(task.classes)
    weights = torch.ones(count)
    if balance.class_weights != "none":
        counts = np.maximum(np.bincount(labels, minlength=count), 1)
        power = 0.5 if balance.class_weights == "root" else 1.0
        weights = torch.from_numpy((len(labels) / (count * counts)) ** power).float()
    for index in task.positive_indices:
        weights[index] *= balance.positive_weight
    return Loss(
        class_weights=weights,
        focal_gamma=balance.focal_gamma,
        is_cumulative=name == "cumulative",
    )


def plain_loss(task: Task) -> Loss:
    """What validation is told in: no weights, so that settings can be compared."""
    return Loss(class_weights=torch.ones(len(task.classes)))


def soft_targets(labels: NDArray[np.int64], balance: BalanceConfig, task: Task) -> Tensor:
    """One probability per class. What smoothing takes is shared out among the other classes."""
    count = len(task.classes)
    taken = np.full(len(labels), balance.label_smoothing)
    is_positive = np.isin(labels, task.positive_indices)
    taken[is_positive] = np.maximum(taken[is_positive], balance.positive_smoothing)
    targets = np.repeat(taken[:, None] / max(1, count - 1), count, axis=1)
    targets[np.arange(len(labels)), labels] = 1.0 - taken
    return torch.from_numpy(targets).float()


def hard_targets(labels: NDArray[np.int64], task: Task) -> Tensor:
    return soft_targets(labels, BalanceConfig(), task)


Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpochOrder:
    """The images of an epoch by row, and how often each has been shown before in it."""

    rows: Rows
    copies: Rows


def epoch_order(
    positive: NDArray[np.bool_], balance: BalanceConfig, *, seed: int, epoch: int, batch_size: int
) -> EpochOrder:
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
    return EpochOrder(rows=rows, copies=occurrences(rows))


def images_per_epoch(positive: NDArray[np.bool_], balance: BalanceConfig) -> int:
    return len(_repeated(positive, balance))


def _repeated(positive: NDArray[np.bool_], balance: BalanceConfig) -> Rows:
    """Every image once; with "oversample" the positive ones again until their share is reached,
    with "even" the rarer ones until they are as many as the others.
    """
    rows = np.arange(len(positive), dtype=np.int64)
    if balance.sampler not in ("oversample", "even"):
        return rows
    repeated, share = positive, balance.positive_share
    if balance.sampler == "even":
        repeated, share = positive if 2 * positive.sum() <= len(positive) else ~positive, 0.5
    if not repeated.any():
        return rows
    wanted = math.ceil(np.sum(~repeated) * share / (1.0 - share))
    extra = max(0, wanted - int(repeated.sum()))
    return np.concatenate([rows, np.resize(np.flatnonzero(repeated), extra)])


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


def occurrences(rows: Rows) -> Rows:
    """0 where an image is shown for the first time, 1 for the second, ..."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(starts, len(rows)))
    counted = np.arange(len(rows)) - np.repeat(starts, lengths)
    result = np.empty(len(rows), dtype=np.int64)
    result[order] = counted
    return result
