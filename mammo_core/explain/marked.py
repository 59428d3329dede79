"""Images in which it is known where the lesion is: what heatmaps are held against."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.splits import whole_groups
from mammo_core.errors import TableError
from mammo_core.preprocessing.breast import find_breast
from mammo_core.preprocessing.prepare import place_box, prepare, resample
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.tables import positive_of
from mammo_core.types import Box, Geometry, Pixels, Size, Task

_WHITE: Final = np.uint8(255)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marked:
    """A prepared image, and in its frame the breast and the lesion."""

    image_id: str
    group_id: str
    pixels: Pixels  # (channels, height, width), as the model sees it
    breast: NDArray[np.bool_]
    lesion: NDArray[np.bool_]

    @property
    def size(self) -> Size:
        height, width = self.breast.shape
        return height, width


def marked_rows(dataset: Dataset, task: Task, *, most: int, seed: int) -> pd.DataFrame:
    """The positive images that have a box: `most` of women drawn at random, the last one whole."""
    manifest = dataset.manifest
    is_positive = positive_of(manifest["label"], task).fillna(value=False)
    rows = manifest[is_positive & manifest["image_id"].isin(dataset.boxes["image_id"])]
    if rows.empty:
        raise TableError(
            f"None of the {len(manifest)} images of {dataset.adapter.title} is positive and has a "
            "box, so there is nothing to hold heatmaps against. Choose a data set with boxes."
        )
    women = rows["group_id"].drop_duplicates().sample(frac=1.0, random_state=seed)
    order = rows["group_id"].map({woman: place for place, woman in enumerate(women)})
    return whole_groups(rows.loc[order.sort_values(kind="stable").index], most=most)


def read_marked(dataset: Dataset, row: "pd.Series[str]", settings: PrepareSettings) -> Marked:
    """One image of `marked_rows`, prepared, its boxes drawn in."""
    mammogram = read_mammogram(dataset.root / str(row["path"]))
    prepared = prepare(mammogram, settings)
    breast = find_breast(mammogram.pixels)
    in_frame = resample(breast.view(np.uint8) * _WHITE, prepared.geometry) > 127
    boxes = dataset.boxes[dataset.boxes["image_id"] == row["image_id"]]
    return Marked(
        image_id=str(row["image_id"]),
        group_id=str(row["group_id"]),
        pixels=prepared.pixels,
        breast=np.asarray(in_frame, dtype=np.bool_),
        lesion=draw_boxes(
            [
                Box(x0=x0, y0=y0, x1=x1, y1=y1)
                for x0, y0, x1, y1 in boxes[["x0", "y0", "x1", "y1"]].to_numpy().tolist()
            ],
            prepared.geometry,
        ),
    )


def draw_boxes(boxes: list[Box], geometry: Geometry) -> NDArray[np.bool_]:
    """Where in the prepared frame the boxes of the source lie; each marks a pixel at least."""
    height, width = geometry.prepared_size
    mask = np.zeros((height, width), dtype=np.bool_)
    for box in boxes:
        placed = place_box(box, geometry)
        top, left = max(0, int(placed.y0)), max(0, int(placed.x0))
        bottom, right = max(top + 1, round(placed.y1)), max(left + 1, round(placed.x1))
        mask[top:bottom, left:right] = True
    return mask
