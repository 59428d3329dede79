"""Training images in memory, and the batches a network eats.

Images are kept as `prepare` makes them, before normalisation, in 16 bits; everything after that
happens to whole batches, on the device.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.config import AugmentConfig, PrepareSettings
from mammo_core.errors import ReadError, TableError
from mammo_core.training.augment import DRAWS, augment
from mammo_core.training.draws import order_of, uniform
from mammo_core.types import Task

WHITE: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """The images of one split: `grey` (images, height, width), one class index each."""

    manifest: pd.DataFrame
    grey: NDArray[np.uint16]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def read_images(
    root: Path,
    manifest: pd.DataFrame,
    settings: PrepareSettings,
    *,
    threads: int,
    report: Callable[[int, int], None],
) -> NDArray[np.uint16]:
    """Every image of `manifest`, prepared; `report(done, total)` is told of every one."""
    grey = np.empty((len(manifest), *settings.size), dtype=np.uint16)
    plain = replace(settings, channels=1, mean=(0.0,), std=(1.0,))

    def read(row: int) -> None:
        entry = manifest.iloc[row]
        grey[row] = _prepared(root / str(entry["path"]), str(entry["image_id"]), plain)

    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        for done, _ in enumerate(pool.map(read, range(len(manifest))), start=1):
            report(done, len(manifest))
    return grey


def image_set(
    manifest: pd.DataFrame, grey: NDArray[np.uint16], *, task: Task, split: str
) -> ImageSet:
    """The labelled images of `split`."""
    is_wanted = (manifest["split"] == split).fillna(False) & manifest["label"].notna()
    wanted = is_wanted.to_numpy(dtype=bool)
    chosen = manifest[wanted]
    if chosen.empty:
        raise TableError(f"There are no labelled images in the {split} split.")
    labels = np.array([task.classes.index(label) for label in chosen["label"]], dtype=np.int64)
    return ImageSet(manifest=chosen.reset_index(drop=True), grey=grey[wanted], labels=labels)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batches:
    """An image set cut into batches. With `augmentation`, in a new order and look every epoch."""

    images: ImageSet
    prepare: PrepareSettings
    batch_size: int
    device: torch.device
    seed: int = 0
    augmentation: AugmentConfig | None = None

    def __len__(self) -> int:
        """Batches per epoch. Training leaves a last, smaller batch to the next epoch's order."""
        if self.augmentation and len(self.images) > self.batch_size:
            return len(self.images) // self.batch_size
        return -(-len(self.images) // self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised images and their class indices, batch by batch."""
        count = len(self.images)
        is_training = self.augmentation is not None
        order = order_of(count, seed=self.seed, epoch=number) if is_training else np.arange(count)
        for batch in range(len(self)):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield self._look(chosen, number), self._labels(chosen)

    def _look(self, chosen: NDArray[np.int64], epoch: int) -> Tensor:
        stored = torch.from_numpy(self.images.grey[chosen]).to(self.device)
        images = stored.to(torch.float32)[:, None] / WHITE
        if self.augmentation:
            draws = uniform(seed=self.seed, epoch=epoch, indices=chosen, count=DRAWS)
            images = augment(images, torch.from_numpy(draws).to(self.device), self.augmentation)
        return normalise(images, self.prepare)

    def _labels(self, chosen: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.images.labels[chosen]).to(self.device)


def normalise(images: Tensor, settings: PrepareSettings) -> Tensor:
    """The last step of `prepare`, for a batch: one mean and std per channel."""
    mean = torch.tensor(settings.mean, device=images.device)[:, None, None]
    std = torch.tensor(settings.std, device=images.device)[:, None, None]
    return (images - mean) / std


def _prepared(path: Path, image_id: str, settings: PrepareSettings) -> NDArray[np.uint16]:
    # Imported when needed: a machine that only trains may lack the libraries for DICOM.
    from mammo_core.preprocessing.prepare import prepare
    from mammo_core.preprocessing.read import read_mammogram

    try:
        mammogram = read_mammogram(path, image_id=image_id)
    except ReadError as error:
        raise TableError(f"Image {image_id} cannot be read. {error}") from None
    pixels = prepare(mammogram, settings).pixels[0]
    stored: NDArray[np.uint16] = np.rint(np.clip(pixels, 0.0, 1.0) * WHITE).astype(np.uint16)
    return stored
