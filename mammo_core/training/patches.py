"""Lesions learnt from patches before whole images are: the way of Shen (2019) and Petrini (2022).

Boxes around lesions show a network what a lesion is, against tissue elsewhere in the same images,
in minutes. A row of the manifest is then a patch. What the network has learnt starts a training on
whole images, as any checkpoint does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import PatchConfig
from mammo_core.datasets.dataset import Dataset
from mammo_core.errors import TableError
from mammo_core.preprocessing.breast import find_tissue
from mammo_core.tables import positive_of
from mammo_core.types import CANCER, Box

ROOM: Final = 1.8  # windows are so much wider than patches: turned and shrunk, none shows a corner
_APART: Final = 0.35  # of a patch, that tissue elsewhere keeps from a box
_TRIES: Final = 40


def with_patches(dataset: Dataset, patches: PatchConfig) -> Dataset:
    """`dataset`, each row of it a patch: one per box, and some of tissue elsewhere in its image.

    Images without a box are left out: whether they hold a lesion is not known, and an image of
    another kind without one would teach the kind.
    """
    rows = dataset.manifest.merge(
        dataset.boxes.groupby("image_id").size().rename("boxes"),
        left_on="image_id",
        right_index=True,
    )
    if rows.empty:
        raise TableError(
            f"{dataset.adapter.title} marks no lesion with a box, so there are no patches to learn "
            "from. Choose a data set with boxes."
        )
    malignant = positive_of(rows["label"], dataset.label_rule.task)
    if patches.kind == "pathology":
        _refuse_no_pathology(dataset)
        rows, malignant = rows[malignant.notna()], malignant.dropna()
    lesion = malignant.map({True: "malignant", False: "benign"}).astype("string")
    rows = rows.assign(lesion_label=lesion if patches.kind == "pathology" else "lesion")
    kinds = [_rows(rows, "tissue", rows["boxes"] * 0 + patches.tissue_per_image)]
    kinds.append(_rows(rows, "lesion", rows["boxes"]))
    manifest = pd.concat(kinds, ignore_index=True).sort_values("image_id", ignore_index=True)
    # A breast holds both classes, so nothing may be pooled by side or view.
    manifest[["side", "view"]] = pd.NA
    manifest = manifest.drop(columns=["boxes", "lesion_label"])
    return replace(dataset, manifest=manifest.astype({"side": "string", "view": "string"}))


def _refuse_no_pathology(dataset: Dataset) -> None:
    rule = dataset.label_rule
    if rule.task != CANCER:
        raise TableError(
            f"The label rule {rule.name!r} tells {' from '.join(rule.task.classes)}, not which "
            "lesions are malignant. Choose a rule that does, or learn lesions against tissue "
            "(patches.kind=lesion)."
        )


def _rows(images: pd.DataFrame, kind: str, counts: "pd.Series[int]") -> pd.DataFrame:
    """So many patches of a `kind` per image, numbered."""
    rows = images.loc[images.index.repeat(counts)]
    number = rows.groupby("image_id").cumcount()
    return rows.assign(
        source=rows["image_id"],
        number=number,
        image_id=rows["image_id"] + f"#{kind}" + number.astype("string"),
        label=rows["lesion_label"] if kind == "lesion" else "tissue",
    )


class Images(Protocol):
    """Prepared images before normalisation: (images, height, width), white at 65535."""

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class PatchImages:
    """Windows of prepared images around `centres` (column, row), beyond the image background."""

    images: Images
    centres: NDArray[np.float32]
    size: int

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]:
        windows = np.zeros((len(rows), self.size, self.size), dtype=np.uint16)
        for window, row, image in zip(windows, rows, self.images.take(rows), strict=True):
            left, top = (round(float(c)) - self.size // 2 for c in self.centres[row])
            y0, x0 = max(0, top), max(0, left)
            seen = image[y0 : top + self.size, x0 : left + self.size]
            window[y0 - top : y0 - top + seen.shape[0], x0 - left : x0 - left + seen.shape[1]] = (
                seen
            )
        return windows


def window_of(patches: PatchConfig) -> int:
    """The side of the window a patch of training is turned and scaled in."""
    return round(patches.size * ROOM / 2) * 2


def centres_of(
    manifest: pd.DataFrame,
    images: Images,
    placed: Mapping[str, Sequence[Box]],
    *,
    seeds: Sequence[int],
    size: int,
) -> NDArray[np.float32]:
    """Where in the prepared images the patches of `manifest` lie: in the middle of a box, or on
    tissue drawn by the image's seed.
    """
    centres = np.zeros((len(manifest), 2), dtype=np.float32)
    numbers = pd.Series(np.arange(len(manifest)), index=manifest.index)
    for source, rows in numbers.groupby(manifest["source"]):
        boxes, patches = placed[str(source)], rows.to_numpy()
        is_tissue = (manifest["label"].iloc[patches] == "tissue").to_numpy()
        for patch in patches[~is_tissue]:
            centres[patch] = _middle(boxes[manifest["number"].iloc[patch]])
        centres[patches[is_tissue]] = tissue_elsewhere(
            images.take(patches[:1])[0],
            boxes,
            size=size,
            count=int(is_tissue.sum()),
            seed=seeds[patches[0]],
        )
    return centres


def tissue_elsewhere(
    pixels: NDArray[np.uint16], boxes: Sequence[Box], *, size: int, count: int, seed: int
) -> NDArray[np.float32]:
    """`count` places in the breast, away from every box where that can be had: of a patch around
    them, hardly its rim lies in one.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(find_tissue(pixels))
    drawn = rng.integers(len(rows), size=(_TRIES, count))
    x, y = columns[drawn].astype(np.float32), rows[drawn].astype(np.float32)
    room = _APART * size
    is_apart = np.ones_like(x, dtype=bool)
    for box in boxes:
        is_apart &= ~(
            (x > box.x0 - room) & (x < box.x1 + room) & (y > box.y0 - room) & (y < box.y1 + room)
        )
    best = is_apart.argmax(axis=0)  # the first that will do, else the first
    across = np.arange(count)
    return np.stack([x[best, across], y[best, across]], axis=1)


def _middle(box: Box) -> tuple[float, float]:
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
