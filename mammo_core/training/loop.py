"""The training loop, written out: what you read is what runs.

It touches no file, prints nothing and knows no run folder. It tells its caller about every epoch
through `report` and asks after every batch, through `should_stop`, whether to go on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from mammo_core.config import OptimConfig
from mammo_core.errors import RunError
from mammo_core.training.data import Batches
from mammo_core.training.losses import cross_entropy
from mammo_core.training.schedule import cosine_with_warmup


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpochResult:
    """What one epoch came to. `val_logits` are in the order of the validation images."""

    epoch: int
    learning_rate: float
    train_loss: float
    val_loss: float
    val_logits: NDArray[np.float32]
    images_per_second: float


def fit(
    fabric: Fabric,
    model: nn.Module,
    optim: OptimConfig,
    *,
    train: Batches,
    val: Batches,
    report: Callable[[EpochResult], None],
    should_stop: Callable[[], bool],
) -> None:
    """Train `model` in place for `optim.epochs` epochs, or until `should_stop`."""
    optimizer: Any = torch.optim.AdamW(
        model.parameters(), lr=optim.learning_rate, weight_decay=optim.weight_decay
    )
    network, optimizer = fabric.setup(model, optimizer)
    steps = len(train)

    for epoch in range(1, optim.epochs + 1):
        network.train()
        started = time.perf_counter()
        total_loss, images_seen, learning_rate = 0.0, 0, 0.0
        for step, (images, labels) in enumerate(train.epoch(epoch)):
            learning_rate = cosine_with_warmup(
                (epoch - 1) * steps + step,
                warmup=optim.warmup_epochs * steps,
                total=optim.epochs * steps,
                peak=optim.learning_rate,
            )
            for group in optimizer.param_groups:
                group["lr"] = learning_rate

            loss = cross_entropy(network(images), labels)
            if not torch.isfinite(loss):
                raise RunError(
                    f"The loss is {loss.item()} at step {step + 1} of epoch {epoch}. "
                    "Choose a smaller learning rate, or precision 32-true."
                )
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(loss)
            fabric.clip_gradients(network, optimizer, max_norm=1.0)
            optimizer.step()

            total_loss += loss.item() * len(images)
            images_seen += len(images)
            if should_stop():
                return

        seconds = time.perf_counter() - started
        val_logits = predict_logits(network, val)
        report(
            EpochResult(
                epoch=epoch,
                learning_rate=learning_rate,
                train_loss=total_loss / images_seen,
                val_loss=loss_of(val_logits, val.images.labels),
                val_logits=val_logits,
                images_per_second=images_seen / seconds,
            )
        )


@torch.inference_mode()
def predict_logits(network: nn.Module, batches: Batches) -> NDArray[np.float32]:
    """(images, classes), in the order of the image set."""
    network.eval()
    logits = [network(images).float().cpu() for images, _ in batches.epoch(0)]
    return torch.cat(logits).numpy()


def loss_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item()
