"""Small pictures of images, tissue bright, with their boxes drawn in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd

from mammo_core.errors import ReadError
from mammo_core.preprocessing.read import read_mammogram
from mammo_core.types import Box

_AMBER: Final = (0, 159, 230)  # blue, green, red


def thumbnail(root: Path, path: str, *, side: int, boxes: Sequence[Box] = ()) -> bytes | None:
    """A JPEG whose longer side is `side` pixels; None where the image cannot be read."""
    try:
        pixels = read_mammogram(root / path).pixels
    except ReadError:
        return None
    scale = side / max(pixels.shape)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.rint(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    drawn = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    for box in boxes:
        corners = [round(value * scale) for value in (box.x0, box.y0, box.x1, box.y1)]
        cv2.rectangle(drawn, corners[:2], corners[2:], _AMBER, 1)
    _, data = cv2.imencode(".jpg", drawn)
    return bytes(data)


def boxes_of(boxes: pd.DataFrame, image_id: str) -> tuple[Box, ...]:
    """The boxes of one image."""
    corners = boxes.loc[boxes["image_id"] == image_id, ["x0", "y0", "x1", "y1"]]
    return tuple(
        Box(x0=float(x0), y0=float(y0), x1=float(x1), y1=float(y1))
        for x0, y0, x1, y1 in corners.to_numpy(dtype=np.float64)
    )
