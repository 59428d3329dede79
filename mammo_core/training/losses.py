"""What training makes small. Targets are probabilities, one per class, so that they can be soft."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.config import BalanceConfig
from mammo_core.types import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loss:
    """Cross-entropy, its classes weighted, its easy images made light by `focal_gamma`."""

    class_weights: Tensor
    focal_gamma: float = 0.0

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
        losses = -(targets * log_probabilities).sum(dim=1)
        if self.focal_gamma:
            # Lin et al. (2017), with the probability of a soft target's own mixture
            right = (targets * log_probabilities.exp()).sum(dim=1)
            losses = losses * (1.0 - right).clamp(min=0.0) ** self.focal_gamma
        weights = self._weights_of(targets)
        return (weights * losses).sum() / (weights.sum() if weight is None else weight)


def make_loss(labels: NDArray[np.int64], balance: BalanceConfig, task: Task) -> Loss:
    """The loss for training on images with these labels."""
    count = len(task.classes)
    weights = torch.ones(count)
    if balance.class_weights == "balanced":
        counts = np.bincount(labels, minlength=count)
        weights = torch.from_numpy(len(labels) / (count * np.maximum(counts, 1))).float()
    for index in task.positive_indices:
        weights[index] *= balance.positive_weight
    return Loss(class_weights=weights, focal_gamma=balance.focal_gamma)


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
