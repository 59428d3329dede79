"""Batches a network eats. What happens to an image after the cache happens here, to whole batches,
on the device; the next batch is read, and sent there, while the network works on this one.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.config import PatchConfig, PrepareSettings, RunConfig
from mammo_core.training.augment import DRAWS, augment, mix, uniform
from mammo_core.training.data import ImageSet
from mammo_core.training.losses import (
    EpochOrder,
    epoch_order,
    hard_targets,
    images_per_epoch,
    occurrences,
    soft_targets,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sent:
    """`arrived` is None where there was no way to go."""

    tensor: Tensor
    arrived: torch.cuda.Event | None = None

    def here(self) -> Tensor:
        """What was sent. The device, not the processor, waits until it is there."""
        if self.arrived is not None:
            work = torch.cuda.current_stream(self.tensor.device)
            work.wait_event(self.arrived)
            self.tensor.record_stream(work)  # or its memory could be given away too early
        return self.tensor


def send(numbers: Tensor, device: torch.device) -> Sent:
    """`numbers`, which nobody may change any more, on their way to `device`."""
    if device.type != "cuda":
        return Sent(tensor=numbers)
    lane = _lane_to(device)
    with torch.cuda.stream(lane):
        there = numbers.pin_memory().to(device, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record(lane)
    return Sent(tensor=there, arrived=arrived)


@cache  # memory is kept by lane: more of them would keep more
def _lane_to(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


WHITE: Final = 65535
_HARDEST: Final = 10  # one in so many patches of tissue is hard
Read = TypeVar("Read")

Batch = tuple[Tensor, Tensor]  # inputs, and one probability per class


class Batches(Protocol):
    """A fixed number of batches per epoch; the same epoch gives the same batches."""

    def __len__(self) -> int: ...
    def epoch(self, number: int) -> Iterator[Batch]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coming:
    """What a batch is made of on the device, on its way there."""

    pixels: Sent
    draws: Sent
    targets: Sent


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

    def epoch(self, number: int) -> Generator[Batch, None, None]:
        optim, order = self.config.optim, self.order(number)

        def read(batch: int) -> Coming:
            start, stop = batch * optim.batch_size, (batch + 1) * optim.batch_size
            share = slice(start + self.rank, stop, self.processes)
            mine = EpochOrder(rows=order.rows[share], copies=order.copies[share])
            return self._fetch(mine, epoch=number, seed=self.config.seed)

        for coming in read_ahead(read, len(self)):
            yield self._show(coming)

    def order(self, number: int) -> EpochOrder:
        """What epoch `number` shows."""
        return epoch_order(
            self.is_positive,
            self.config.balance,
            seed=self.config.seed,
            epoch=number,
            batch_size=self.config.optim.batch_size,
        )

    def look(self, order: EpochOrder, *, epoch: int, seed: int) -> Batch:
        """The images `order` names as the network sees them in `epoch`, and what it should say."""
        return self._show(self._fetch(order, epoch=epoch, seed=seed))

    def each(self, rows: NDArray[np.integer], *, epoch: int, seed: int) -> Tensor:
        """The images at `rows`, shown for the first time in `epoch`, without their partners."""
        draws = self._draws(rows, np.zeros_like(rows), epoch=epoch, seed=seed)
        grey = _to_grey(_stored(self.images, rows, self.device))
        return normalise(augment(grey, draws.here(), self.config.augment), self.config.prepare)

    def _fetch(self, order: EpochOrder, *, epoch: int, seed: int) -> Coming:
        """For two views each image is followed by its partner, which is changed as it is where it
        is the image itself: by draws of its own.
        """
        config, views = self.config, self.config.model.views
        rows = self.images.with_partners(order.rows, views=views)
        targets = soft_targets(self.images.labels[order.rows], config.balance, config.task)
        return Coming(
            pixels=_stored(self.images, rows, self.device),
            draws=self._draws(rows, np.repeat(order.copies, views), epoch=epoch, seed=seed),
            targets=send(targets, self.device),
        )

    def _show(self, coming: Coming) -> Batch:
        config, views = self.config, self.config.model.views
        draws, targets = coming.draws.here(), coming.targets.here()
        images = side_by_side(augment(_to_grey(coming.pixels), draws, config.augment), views)
        if config.patches:
            images = middle_of(images, config.patches.size)
        if config.augment.mixup:
            images, targets = mix(images, targets, draws[::views], config.augment.mixup)
        return normalise(images, config.prepare), targets

    def _draws(
        self, rows: NDArray[np.integer], copies: NDArray[np.integer], *, epoch: int, seed: int
    ) -> Sent:
        numbers = uniform(
            seed=seed,
            epoch=epoch,
            images=self.images.keys(rows),
            copies=copies.astype(np.int64),
            count=DRAWS,
        )
        return send(torch.from_numpy(numbers), self.device)

    @cached_property
    def is_positive(self) -> NDArray[np.bool_]:
        return np.isin(self.images.labels, self.config.task.positive_indices)


@dataclass(frozen=True, kw_only=True, eq=False)
class PatchBatches(TrainingBatches):
    """Half of an epoch's patches hold a lesion. Of the rest, in later epochs, a share is what the
    network took for a lesion most.
    """

    hardness: dict[int, NDArray[np.float32]] = field(default_factory=dict)  # of tissue, by epoch

    @property
    def patches(self) -> PatchConfig:
        assert self.config.patches is not None
        return self.config.patches

    def __len__(self) -> int:
        return max(1, self.patches.per_epoch // self.config.optim.batch_size)

    @cached_property
    def tissue(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.images.labels == 0)

    def order(self, number: int) -> EpochOrder:
        rng = np.random.default_rng([self.config.seed, number])
        count = len(self) * self.config.optim.batch_size
        hard, pool = 0, self.tissue
        if number in self.hardness:
            hard = round(count / 2 * self.patches.hard_share)
            surest = np.argsort(-self.hardness[number], kind="stable")
            pool = self.tissue[surest[: max(1, len(surest) // _HARDEST)]]
        drawn = [
            rng.choice(pool, size=hard),
            rng.choice(self.tissue, size=count // 2 - hard),
            rng.choice(np.flatnonzero(self.images.labels > 0), size=count - count // 2),
        ]
        rows = rng.permutation(np.concatenate(drawn)).astype(np.int64)
        return EpochOrder(rows=rows, copies=occurrences(rows))

    def look_for_hard(
        self, number: int, score: Callable[["EvaluationBatches"], NDArray[np.float32]]
    ) -> None:
        """Before epoch `number`, let the network as it is `score` all tissue, where that is due."""
        if self.patches.hard_share and number >= self.patches.hard_from:
            tissue = EvaluationBatches(
                images=self.images, config=self.config, device=self.device, rows=self.tissue
            )
            self.hardness.clear()
            self.hardness[number] = score(tissue)


def training_batches(
    images: ImageSet, config: RunConfig, device: torch.device, *, rank: int = 0, processes: int = 1
) -> TrainingBatches:
    """Of whole images or of patches, as the settings say."""
    kind = PatchBatches if config.patches else TrainingBatches
    return kind(images=images, config=config, device=device, rank=rank, processes=processes)


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationBatches:
    """Every image once, in order, as it is; or those of `rows` alone. `report` is told how many."""

    images: ImageSet
    config: RunConfig
    device: torch.device
    rows: NDArray[np.intp] | None = None
    report: Callable[[int, int], None] = lambda done, total: None

    def __len__(self) -> int:
        return -(-len(self._rows) // self.config.optim.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        rows, views = list(self.targets()), self.config.model.views

        def read(batch: int) -> tuple[Sent, Sent]:
            of_batch, targets = rows[batch]
            beside = self.images.with_partners(of_batch, views=views)
            return _stored(self.images, beside, self.device), send(targets, self.device)

        done = 0
        for stored, targets in read_ahead(read, len(self)):
            images = self._seen(stored)
            here = targets.here()
            yield side_by_side(images, views), here
            done += len(here)
            self.report(done, len(self._rows))

    def each(self, rows: NDArray[np.integer]) -> Tensor:
        """The images at `rows` as they are, without their partners."""
        return self._seen(_stored(self.images, rows, self.device))

    def _seen(self, stored: Sent) -> Tensor:
        grey, patches = _to_grey(stored), self.config.patches
        return normalise(middle_of(grey, patches.size) if patches else grey, self.config.prepare)

    def targets(self) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
        """The rows of each batch, and what should be said of them."""
        size = self.config.optim.batch_size
        for start in range(0, len(self._rows), size):
            rows = self._rows[start : start + size]
            yield rows, hard_targets(self.images.labels[rows], self.config.task)

    @property
    def _rows(self) -> NDArray[np.intp]:
        return np.arange(len(self.images)) if self.rows is None else self.rows


def middle_of(windows: Tensor, size: int) -> Tensor:
    """The patches in the middle of their windows."""
    start = (windows.shape[-1] - size) // 2
    return windows[..., start : start + size, start : start + size]


def side_by_side(images: Tensor, views: int) -> Tensor:
    """Images one after the other, or, where two are scored together, pairs of them."""
    return images if views == 1 else images.unflatten(0, (-1, views))


def normalise(images: Tensor, settings: PrepareSettings) -> Tensor:
    """The last step of `prepare`, for a batch: one mean and std per channel."""
    channels = [
        (images - mean) / std for mean, std in zip(settings.mean, settings.std, strict=True)
    ]
    return channels[0] if len(channels) == 1 else torch.cat(channels, dim=-3)


def _stored(images: ImageSet, rows: NDArray[np.integer], device: torch.device) -> Sent:
    return send(torch.from_numpy(images.images.take(rows)), device)


def _to_grey(stored: Sent) -> Tensor:
    return stored.here().to(torch.float32)[:, None] / WHITE


def read_ahead(read: Callable[[int], Read], count: int) -> Iterator[Read]:
    """read(0), read(1), ..., each made in a thread while the one before is in use."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(read, 0)
        for number in range(1, count + 1):
            here = coming.result()
            if number < count:
                coming = reader.submit(read, number)
            yield here
