"""Batches a network eats. What happens to an image after the cache happens here, to whole batches,
on the device; the next batch is read while the network works on this one.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.config import PrepareSettings, RunConfig
from mammo_core.training.augment import DRAWS, augment, mix
from mammo_core.training.balance import Order, epoch_order, images_per_epoch
from mammo_core.training.data import ImageSet
from mammo_core.training.draws import uniform
from mammo_core.training.losses import hard_targets, soft_targets

WHITE: Final = 65535
Read = TypeVar("Read")

Batch = tuple[Tensor, Tensor]  # inputs, and one probability per class


class Batches(Protocol):
    """A fixed number of batches per epoch; the same epoch gives the same batches."""

    def __len__(self) -> int: ...
    def epoch(self, number: int) -> Iterator[Batch]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingBatches:
    """Images in a new order and with a new look every epoch.

    A batch is made for all processes together and each takes its share, so that several see
    together what one alone would. A last, smaller batch is left to the next epoch's order.
    """

    images: ImageSet
    config: RunConfig
    device: torch.device
    rank: int = 0
    processes: int = 1

    def __len__(self) -> int:
        count = images_per_epoch(self.is_positive, self.config.balance)
        return max(1, count // self.config.optim.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        optim = self.config.optim
        order = epoch_order(
            self.is_positive,
            self.config.balance,
            seed=self.config.seed,
            epoch=number,
            batch_size=optim.batch_size,
        )

        def read(batch: int) -> tuple[Order, Tensor]:
            start, stop = batch * optim.batch_size, (batch + 1) * optim.batch_size
            share = slice(start + self.rank, stop, self.processes)
            mine = Order(rows=order.rows[share], copies=order.copies[share])
            return mine, self.stored(mine.rows)

        for mine, stored in read_ahead(read, len(self)):
            yield self.look(mine, stored, epoch=number, seed=self.config.seed)

    def look(self, order: Order, stored: Tensor, *, epoch: int, seed: int) -> Batch:
        """The images `order` names as the network sees them in `epoch`, and what it should say.

        `stored` are their pixels, as `stored` gives them. A partner is changed as it is where it
        is the image itself: by draws of its own.
        """
        config, views = self.config, self.config.model.views
        rows = self.images.beside(order.rows, views=views)
        draws = self._draws(rows, np.repeat(order.copies, views), epoch=epoch, seed=seed)
        labels = self.images.labels[order.rows]
        targets = soft_targets(labels, config.balance, config.task).to(self.device)
        images = side_by_side(augment(_to_grey(stored), draws, config.augment), views)
        if config.augment.mixup:
            images, targets = mix(images, targets, draws[::views], config.augment.mixup)
        return normalise(images, config.prepare), targets

    def each(self, rows: NDArray[np.integer], *, epoch: int, seed: int) -> Tensor:
        """The images at `rows`, shown for the first time in `epoch`, without their partners."""
        draws = self._draws(rows, np.zeros_like(rows), epoch=epoch, seed=seed)
        grey = _to_grey(_stored(self.images, rows, self.device))
        return normalise(augment(grey, draws, self.config.augment), self.config.prepare)

    def stored(self, rows: NDArray[np.integer]) -> Tensor:
        """The pixels of `rows`, for two views each followed by its partner's."""
        beside = self.images.beside(rows, views=self.config.model.views)
        return _stored(self.images, beside, self.device)

    def _draws(
        self, rows: NDArray[np.integer], copies: NDArray[np.integer], *, epoch: int, seed: int
    ) -> Tensor:
        numbers = uniform(
            seed=seed,
            epoch=epoch,
            images=self.images.keys(rows),
            copies=copies.astype(np.int64),
            count=DRAWS,
        )
        return torch.from_numpy(numbers).to(self.device)

    @cached_property
    def is_positive(self) -> NDArray[np.bool_]:
        return np.isin(self.images.labels, self.config.task.positive_indices)


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationBatches:
    """Every image once, in order, as it is; or those of `rows` alone."""

    images: ImageSet
    config: RunConfig
    device: torch.device
    rows: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return -(-len(self._rows) // self.config.optim.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        rows, views = list(self.targets()), self.config.model.views

        def read(batch: int) -> Tensor:
            beside = self.images.beside(rows[batch][0], views=views)
            return _stored(self.images, beside, self.device)

        for (_, targets), stored in zip(rows, read_ahead(read, len(self)), strict=True):
            images = normalise(_to_grey(stored), self.config.prepare)
            yield side_by_side(images, views), targets.to(self.device)

    def each(self, rows: NDArray[np.integer]) -> Tensor:
        """The images at `rows` as they are, without their partners."""
        return normalise(_to_grey(_stored(self.images, rows, self.device)), self.config.prepare)

    def targets(self) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
        """The rows of each batch, and what should be said of them."""
        size = self.config.optim.batch_size
        for start in range(0, len(self._rows), size):
            rows = self._rows[start : start + size]
            yield rows, hard_targets(self.images.labels[rows], self.config.task)

    @property
    def _rows(self) -> NDArray[np.intp]:
        return np.arange(len(self.images)) if self.rows is None else self.rows


def side_by_side(images: Tensor, views: int) -> Tensor:
    """Images one after the other, or, where two are scored together, pairs of them."""
    return images if views == 1 else images.unflatten(0, (-1, views))


def normalise(images: Tensor, settings: PrepareSettings) -> Tensor:
    """The last step of `prepare`, for a batch: one mean and std per channel."""
    mean = torch.tensor(settings.mean, device=images.device)[:, None, None]
    std = torch.tensor(settings.std, device=images.device)[:, None, None]
    return (images - mean) / std


def _stored(images: ImageSet, rows: NDArray[np.integer], device: torch.device) -> Tensor:
    stored = torch.from_numpy(images.images.take(rows))
    if device.type == "cuda":
        return stored.pin_memory().to(device, non_blocking=True)
    return stored


def _to_grey(stored: Tensor) -> Tensor:
    return stored.to(torch.float32)[:, None] / WHITE


def read_ahead(read: Callable[[int], Read], count: int) -> Iterator[Read]:
    """read(0), read(1), ..., each made in a thread while the one before is in use."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(read, 0)
        for number in range(1, count + 1):
            here = coming.result()
            if number < count:
                coming = reader.submit(read, number)
            yield here
