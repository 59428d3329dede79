"""The images of a run: which they are, what they are called, and where their pixels come from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import RunConfig
from mammo_core.datasets.prepared import prepare_dataset
from mammo_core.datasets.reading import Dataset, find_folder, read_dataset
from mammo_core.datasets.splits import with_folds, with_splits
from mammo_core.errors import TableError
from mammo_core.paths import cache_root
from mammo_core.preprocessing.cache import Cache, open_images
from mammo_core.types import Split, Task


class Images(Protocol):
    """Prepared images before normalisation: (images, height, width), white at 65535."""

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """The labelled images of one split; `labels` are indices of the task's classes."""

    manifest: pd.DataFrame
    images: Images
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def load_dataset(config: RunConfig) -> Dataset:
    """The data set of a run, its labelled images split."""
    data = config.data
    dataset = read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    manifest = _with_fold(dataset.manifest, config) if data.folds else dataset.manifest
    manifest = with_splits(
        manifest,
        task=config.task,
        val_fraction=data.val_fraction,
        test_fraction=data.test_fraction,
        seed=data.split_seed,
        is_official_split=data.is_official_split or data.folds > 0,
        stratify_by=data.stratify_by,
        is_leak_allowed=data.is_leak_allowed,
    )
    is_used = manifest["split"].notna() & manifest["label"].notna()
    return replace(dataset, manifest=manifest[is_used].reset_index(drop=True))


def _with_fold(manifest: pd.DataFrame, config: RunConfig) -> pd.DataFrame:
    """One fold to test on, the others to train on. Validation women come from the latter, so that
    the test fold chooses nothing: not the epoch, not a threshold.
    """
    data = config.data
    manifest = with_folds(
        manifest,
        task=config.task,
        folds=data.folds,
        seed=data.split_seed,
        stratify_by=data.stratify_by,
    )
    is_test = manifest["fold"] == data.fold
    split = is_test.map({True: Split.TEST, False: Split.TRAIN}, na_action="ignore")
    return manifest.assign(split=split.astype("string"))


def load_images(
    dataset: Dataset,
    config: RunConfig,
    *,
    report: Callable[[int, int, str], None],
    should_stop: Callable[[], bool],
) -> dict[Split, ImageSet]:
    """Every image of `dataset` prepared into the cache, and its splits ready to be taken from."""
    built = prepare_dataset(
        dataset, config.prepare, processes=config.workers, report=report, should_stop=should_stop
    )
    if built.unreadable:
        first = built.unreadable[0]
        raise TableError(
            f"{len(built.unreadable)} of {len(dataset.manifest)} images cannot be read (first: "
            f"{first.file.name}: {first.reason}) Mend them, or take them out of the data set."
        )
    if built.was_stopped:
        return {}
    return {split: image_set(dataset, config, split) for split in Split}


def image_set(dataset: Dataset, config: RunConfig, split: Split) -> ImageSet:
    """The labelled images of `split`, which must be in the cache."""
    manifest = dataset.manifest[dataset.manifest["split"] == split].reset_index(drop=True)
    if manifest.empty:
        raise TableError(f"There are no labelled images in the {split} split.")
    cache = Cache(root=cache_root(), settings=config.prepare)
    images = open_images(cache, [dataset.root / str(path) for path in manifest["path"]])
    return ImageSet(manifest=manifest, images=images, labels=label_indices(manifest, config.task))


def label_indices(manifest: pd.DataFrame, task: Task) -> NDArray[np.int64]:
    return np.array([task.classes.index(label) for label in manifest["label"]], dtype=np.int64)
