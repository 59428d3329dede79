"""Where the breast is laid into the prepared frame: crop, mirror, scale and pad as one step."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.breast import Mask, is_chest_wall_right
from mammo_core.types import Box, Geometry, Size


def lay_out(mask: Mask, settings: PrepareSettings) -> Geometry:
    """The way of an image whose breast is `mask` into a frame of `settings.size`.

    Padding goes above and below in equal parts, and beyond the nipple: the chest wall keeps its
    edge. A frame stretched to a square first is the same step with two scales.
    """
    height, width = mask.shape
    has_outline = not mask.all()
    crop = Box(x0=0, y0=0, x1=width, y1=height)
    if settings.crop == "breast" and has_outline:
        crop = _box_around(mask, settings.margin)
    is_right = has_outline and is_chest_wall_right(mask)
    is_flipped = settings.is_turned and is_right
    crop_height, crop_width = crop.y1 - crop.y0, crop.x1 - crop.x0
    extent = (crop_height, crop_width)
    if settings.is_square_first:
        extent = (crop_height / height, crop_width / width)
    placed = settings.size if settings.fit == "stretch" else _fitted(extent, settings.size)
    scale = (placed[0] / crop_height, placed[1] / crop_width)
    top = (settings.size[0] - placed[0]) // 2
    left = settings.size[1] - placed[1] if is_right and not is_flipped else 0
    x0 = width - crop.x1 if is_flipped else crop.x0
    return Geometry(
        source_size=(height, width),
        prepared_size=settings.size,
        crop=crop,
        is_flipped=is_flipped,
        scale=scale,
        offset=(top - crop.y0 * scale[0], left - x0 * scale[1]),
    )


def resample(pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    """`pixels` of the source as `geometry` lays them, in one resampling; the padding is 0."""
    rows, columns = slices_of(geometry.crop)
    top, left, height, width = _placed(geometry)
    scaled = _scaled(pixels[rows, columns], (height, width))
    if geometry.is_flipped:
        scaled = scaled[:, ::-1]
    frame = np.zeros(geometry.prepared_size, dtype=pixels.dtype)
    frame[top : top + height, left : left + width] = scaled
    return frame


def slices_of(crop: Box) -> tuple[slice, slice]:
    """A box as slices of the rows and columns nearest to it."""
    return slice(round(crop.y0), round(crop.y1)), slice(round(crop.x0), round(crop.x1))


def _placed(geometry: Geometry) -> tuple[int, int, int, int]:
    """Top, left, height and width, in prepared pixels, of what the crop became."""
    crop = geometry.crop
    x0 = geometry.source_size[1] - crop.x1 if geometry.is_flipped else crop.x0
    return (
        round(crop.y0 * geometry.scale[0] + geometry.offset[0]),
        round(x0 * geometry.scale[1] + geometry.offset[1]),
        round((crop.y1 - crop.y0) * geometry.scale[0]),
        round((crop.x1 - crop.x0) * geometry.scale[1]),
    )


def _fitted(extent: tuple[float, float], size: Size) -> Size:
    """The whole number of pixels `extent` takes up in a frame of `size`, aspect ratio kept."""
    scale = min(size[0] / extent[0], size[1] / extent[1])
    return (
        min(size[0], max(1, round(extent[0] * scale))),
        min(size[1], max(1, round(extent[1] * scale))),
    )


def _box_around(mask: Mask, margin: float) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    room = math.ceil(margin * max(y1 - y0, x1 - x0))
    height, width = mask.shape
    return Box(
        x0=max(0, x0 - room),
        y0=max(0, y0 - room),
        x1=min(width, x1 + room),
        y1=min(height, y1 + room),
    )


def _scaled(pixels: NDArray[Any], size: Size) -> NDArray[Any]:
    """Shrunk by averaging areas, enlarged linearly, each axis by its own rule.

    OpenCV averages areas only where both axes shrink, so a mixed case takes one axis at a time.
    """
    height, width = size
    is_lower, is_narrower = height <= pixels.shape[0], width <= pixels.shape[1]
    if is_lower != is_narrower:
        first = (pixels.shape[1], height) if is_lower else (width, pixels.shape[0])
        pixels = np.asarray(cv2.resize(pixels, first, interpolation=cv2.INTER_AREA))
    how = cv2.INTER_AREA if is_lower and is_narrower else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how))
