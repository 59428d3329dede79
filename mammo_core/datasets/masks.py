"""From mask files, white where a lesion is drawn, to boxes in pixels of the image."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.datasets.remembered import remembered
from mammo_core.errors import ReadError
from mammo_core.types import Box, Pixels, Size

_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the pixels of a file tell: whether it is a mask, and if so where it is white."""

    size: Size
    is_mask: bool
    box: Box | None


def look_at(pixels: Pixels) -> Look:
    """A mask has two values. JPEG smears them a little, so nearly all pixels must lie at an end."""
    is_mask = bool(np.mean((pixels < 0.1) | (pixels > 0.9)) > 0.98 and pixels.max() > 0.9)
    rows, columns = (
        np.flatnonzero((pixels > 0.5).any(axis=1)),
        np.flatnonzero((pixels > 0.5).any(axis=0)),
    )
    box = None
    if is_mask and rows.size:
        box = Box(x0=columns[0], y0=rows[0], x1=columns[-1] + 1, y1=rows[-1] + 1)
    return Look(size=pixels.shape, is_mask=is_mask, box=box)


def look_at_files(root: Path, paths: Sequence[str], *, name: str) -> pd.DataFrame:
    """`path, height, width, is_mask, x0, y0, x1, y1` of every readable file; remembered."""
    there = [path for path in paths if (root / path).is_file()]
    files = [root / path for path in there]

    def make() -> pd.DataFrame:
        with ThreadPoolExecutor(_THREADS) as pool:
            rows = [row for row in pool.map(_row, files, there) if row is not None]
        return pd.DataFrame(
            rows, columns=["path", "height", "width", "is_mask", "x0", "y0", "x1", "y1"]
        )

    table = remembered(name, files, make)
    return table.assign(is_mask=table["is_mask"] == "True").astype(
        dict.fromkeys(("height", "width", "x0", "y0", "x1", "y1"), "Float64")
    )


def _row(file: Path, path: str) -> tuple[object, ...] | None:
    from mammo_core.preprocessing.read import read_mammogram  # slow, and only asked of new files

    try:
        look = look_at(read_mammogram(file).pixels)
    except ReadError:
        return None
    box = look.box
    corners = (box.x0, box.y0, box.x1, box.y1) if box else (None,) * 4
    return (path, *look.size, look.is_mask, *corners)
