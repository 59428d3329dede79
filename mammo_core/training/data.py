"""The images of a run: which they are, what they are called, and where their pixels come from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import PatchConfig, RunConfig
from mammo_core.datasets.dataset import Dataset, find_folder, read_dataset
from mammo_core.datasets.prepared import boxes_in_prepared, cache_of, prepare_dataset
from mammo_core.datasets.splits import chosen_by, split_as_set, used_images
from mammo_core.errors import ConfigError, TableError
from mammo_core.partners import is_lone, partners_of
from mammo_core.preprocessing.cache import open_images
from mammo_core.tables import class_indices, positive_of
from mammo_core.training.patches import (
    Images,
    PatchImages,
    centres_of,
    window_of,
    with_patches,
)
from mammo_core.types import Box, Report, Split, Task

_APART: Final = np.uint64(0x9E3779B97F4A7C15)  # keys of patches of one image, far from each other


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """The labelled images of one split; `labels` are indices of the task's classes.

    `contents` are the SHA-256 of the image files: what an image is known by, whatever its row.
    """

    manifest: pd.DataFrame
    images: Images
    labels: NDArray[np.int64]
    contents: tuple[str, ...] = ()  # empty where they are only looked at as they are
    numbers: NDArray[np.uint64] | None = None  # which patch or copy of its image each is

    def __len__(self) -> int:
        return len(self.labels)

    def with_partners(self, rows: NDArray[np.integer], *, views: int) -> NDArray[np.integer]:
        """`rows`, for two views each followed by that of its partner."""
        if views == 1:
            return rows
        return np.stack([rows, self._partners[rows]], axis=1).ravel()

    @cached_property
    def _partners(self) -> NDArray[np.intp]:
        return partners_of(self.manifest)

    def keys(self, rows: NDArray[np.integer]) -> NDArray[np.uint64]:
        """Numbers that stand for the images at `rows`, wherever they lie."""
        keys = np.array([int(self.contents[row][:16], 16) for row in rows], dtype=np.uint64)
        return keys if self.numbers is None else keys + self.numbers[rows] * _APART


def load_dataset(config: RunConfig) -> Dataset:
    """The data set of a run, its labelled images split."""
    data = config.data
    dataset = read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    return split_dataset(dataset, config)


def split_dataset(dataset: Dataset, config: RunConfig) -> Dataset:
    """The labelled images of `dataset`, or the patches of it, split as the settings say."""
    if config.patches:
        split = _split_patches(dataset, config)
    else:
        split = split_as_set(dataset.manifest, config.data, config.task)
    split = used_images(split)
    if config.model.views == 2 and is_lone(partners_of(split)).all():
        raise ConfigError(
            f"None of the {len(split)} images has its other view (CC or MLO) of the same breast, "
            "as far as these data say. Set model.views to 1."
        )
    return replace(dataset, manifest=split)


def _split_patches(dataset: Dataset, config: RunConfig) -> pd.DataFrame:
    """A woman is where a training on the whole images of this set, split alike, has her too: it
    will not be tested on women whose patches it began with. Where the labels tell no two classes
    apart (every image holds a lesion), no such training can be, and the patches are split alone.
    """
    assert config.patches is not None
    patches = with_patches(dataset, config.patches).manifest
    task = dataset.label_rule.task
    positive = positive_of(dataset.manifest["label"], task).dropna()
    if positive.nunique() < 2:
        return split_as_set(patches, config.data, config.task)
    whole = split_as_set(dataset.manifest, config.data, task).dropna(subset=["split"])
    of_woman = whole.drop_duplicates("group_id").set_index("group_id")["split"]
    splits = patches["group_id"].map(of_woman).fillna(str(Split.TRAIN)).astype("string")
    for name in Split:
        if not (splits == name).any():
            raise TableError(
                f"No woman with a box is in the {name} split. Choose other shares or another seed "
                "of the split."
            )
    return patches.assign(split=splits)


def load_images(
    dataset: Dataset,
    config: RunConfig,
    *,
    report: Report,
    should_stop: Callable[[], bool],
) -> dict[Split, ImageSet]:
    """Every image of `dataset` prepared into the cache, and its splits ready to be taken from.

    Blank frames and masks are in no split: `left_out_in_words` counts them.
    """
    built = prepare_dataset(
        dataset, config.prepare, processes=config.workers, report=report, should_stop=should_stop
    )
    unreadable = [one for one in built.unreadable if one.unfit is None]
    if unreadable:
        first = unreadable[0]
        raise TableError(
            f"{len(unreadable)} of {len(dataset.manifest)} images cannot be read (first: "
            f"{first.file.name}: {first.reason}) Mend them, or take them out of the data set."
        )
    if built.was_stopped:
        return {}
    unfit = {one.file for one in built.unreadable}
    is_kept = [dataset.root / str(path) not in unfit for path in dataset.manifest["path"]]
    kept = replace(dataset, manifest=dataset.manifest[is_kept])
    return {split: image_set(kept, config, split) for split in Split}


def left_out_in_words(dataset: Dataset, images: Mapping[Split, ImageSet]) -> str:
    """How many images of `dataset` are no mammograms, so that nothing learns from them; or ""."""
    dealt = set(dataset.manifest["split"])  # where test images choose the epoch, none validate
    total, used = len(dataset.manifest), sum(len(images[name]) for name in Split if name in dealt)
    if used == total:
        return ""
    return f" {total - used} of {total} images were left out: blank, or masks of two values."


def image_set(dataset: Dataset, config: RunConfig, split: Split) -> ImageSet:
    """The labelled images of `split`, which must be in the cache; for validation those that choose
    the epoch.
    """
    manifest = dataset.manifest[dataset.manifest["split"] == split]
    if split is Split.VAL:
        manifest = chosen_by(dataset.manifest, config.data)
    manifest = manifest.reset_index(drop=True)
    if manifest.empty:
        raise TableError(f"There are no labelled images in the {split} split.")
    cache = cache_of(config.prepare, dataset.root, manifest)
    files = [dataset.root / str(path) for path in manifest["path"]]
    images = ImageSet(
        manifest=manifest,
        images=open_images(cache, files),
        labels=label_indices(manifest, config.task),
        contents=tuple(cache.content_of(file) for file in files),
        numbers=_copies(manifest) if config.data.has_copies else None,
    )
    if not config.patches:
        return images
    sources = manifest.drop_duplicates("source").assign(image_id=lambda rows: rows["source"])
    placed = boxes_in_prepared(dataset.root, dataset.boxes, sources, config.prepare)
    return _patches_of(images, placed, config.patches)


def _copies(manifest: pd.DataFrame) -> NDArray[np.uint64]:
    """Which copy of its image each row is, so that copies are not all changed alike."""
    copies: NDArray[np.uint64] = manifest.groupby("path").cumcount().to_numpy().astype(np.uint64)
    return copies


def _patches_of(
    whole: ImageSet, placed: Mapping[str, Sequence[Box]], patches: PatchConfig
) -> ImageSet:
    """A window around each patch of the images in which it lies."""
    manifest = whole.manifest
    seeds = whole.keys(np.arange(len(whole))).tolist()
    centres = centres_of(manifest, whole.images, placed, seeds=seeds, size=patches.size)
    number = manifest["number"] + (manifest["label"] == "tissue") * len(manifest)
    return replace(
        whole,
        images=PatchImages(images=whole.images, centres=centres, size=window_of(patches)),
        numbers=number.to_numpy(dtype=np.uint64),
    )


def label_indices(manifest: pd.DataFrame, task: Task) -> NDArray[np.int64]:
    return class_indices(manifest["label"], task).astype(np.int64)
