"""From a mammogram to what a model sees, and back.

One `prepare` serves training and reading. Everything it does is one affine step (crop, mirror,
scale, pad), kept in `Geometry`, so that a heatmap or a box finds its way back onto the source.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.breast import Mask, find_breast, is_chest_wall_right
from mammo_core.preprocessing.filters import apply_filter
from mammo_core.preprocessing.intensity import equalise, normalise, stretch_percentiles
from mammo_core.types import Box, Geometry, Mammogram, Pixels, Prepared, Size


def prepare(mammogram: Mammogram, settings: PrepareSettings) -> Prepared:
    """`mammogram` as a model with `settings` sees it; `notes` says what was done."""
    mask = find_breast(mammogram.pixels)
    geometry = _lay_out(mask, settings)
    pixels = _resample(mammogram.pixels, geometry)
    notes = [f"Cropped to the breast, scaled to {settings.size[0]} x {settings.size[1]}."]
    if settings.percentiles:
        inside = _resample(mask.astype(np.float32), geometry) > 0.5
        pixels = stretch_percentiles(pixels, inside, settings.percentiles)
    if settings.has_clahe:
        pixels = equalise(pixels)
    pixels = apply_filter(pixels, settings.filter)
    return Prepared(
        pixels=normalise(pixels, mean=settings.mean, std=settings.std),
        geometry=geometry,
        notes=tuple(notes),
    )


def place_box(box: Box, geometry: Geometry) -> Box:
    """A box of the source image in prepared pixels; it may reach beyond the prepared frame."""
    width = geometry.source_size[1]
    x0, x1 = (width - box.x1, width - box.x0) if geometry.is_flipped else (box.x0, box.x1)
    (row_scale, column_scale), (row_offset, column_offset) = geometry.scale, geometry.offset
    return Box(
        x0=x0 * column_scale + column_offset,
        y0=box.y0 * row_scale + row_offset,
        x1=x1 * column_scale + column_offset,
        y1=box.y1 * row_scale + row_offset,
    )


def restore_box(box: Box, geometry: Geometry) -> Box:
    """A box of the prepared image in source pixels: the way back of `place_box`."""
    width = geometry.source_size[1]
    (row_scale, column_scale), (row_offset, column_offset) = geometry.scale, geometry.offset
    x0, x1 = (box.x0 - column_offset) / column_scale, (box.x1 - column_offset) / column_scale
    if geometry.is_flipped:
        x0, x1 = width - x1, width - x0
    return Box(
        x0=x0,
        y0=(box.y0 - row_offset) / row_scale,
        x1=x1,
        y1=(box.y1 - row_offset) / row_scale,
    )


def restore_map(values: NDArray[np.floating], geometry: Geometry) -> Pixels:
    """A map of any resolution that covers the prepared frame, laid onto the source image.

    Between the cells it is interpolated; outside the crop it is 0, for the model saw nothing there.
    """
    height, width = geometry.source_size
    zoom_y = values.shape[0] / geometry.prepared_size[0]
    zoom_x = values.shape[1] / geometry.prepared_size[1]
    row_scale, row_offset = geometry.scale[0] * zoom_y, geometry.offset[0] * zoom_y
    column_scale, column_offset = geometry.scale[1] * zoom_x, geometry.offset[1] * zoom_x
    if geometry.is_flipped:
        column_offset += width * column_scale
        column_scale = -column_scale
    # OpenCV places whole numbers on pixel centres, we on pixel edges: half a pixel in each frame.
    matrix = np.array(
        [
            [column_scale, 0.0, column_offset + 0.5 * column_scale - 0.5],
            [0.0, row_scale, row_offset + 0.5 * row_scale - 0.5],
        ]
    )
    restored = cv2.warpAffine(
        np.ascontiguousarray(values, dtype=np.float32),
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    rows, columns = _slices(geometry.crop)
    result = np.zeros(geometry.source_size, dtype=np.float32)
    result[rows, columns] = restored[rows, columns]
    return result


def _lay_out(mask: Mask, settings: PrepareSettings) -> Geometry:
    height, width = mask.shape
    crop = _crop_around(mask, settings.margin) if settings.crop == "breast" else _whole(mask.shape)
    is_right = is_chest_wall_right(mask)
    is_flipped = settings.is_turned and is_right
    square = max(height, width)
    aspect = (square / height, square / width) if settings.is_square_first else (1.0, 1.0)
    crop_height, crop_width = (crop.y1 - crop.y0), (crop.x1 - crop.x0)
    placed = _fitted(
        (crop_height * aspect[0], crop_width * aspect[1]),
        settings.size,
        is_stretched=settings.fit == "stretch",
    )
    top = (settings.size[0] - placed[0]) // 2
    left = settings.size[1] - placed[1] if is_right and not is_flipped else 0
    scale = (placed[0] / crop_height, placed[1] / crop_width)
    x0 = width - crop.x1 if is_flipped else crop.x0
    return Geometry(
        source_size=(height, width),
        prepared_size=settings.size,
        crop=crop,
        is_flipped=is_flipped,
        scale=scale,
        offset=(top - crop.y0 * scale[0], left - x0 * scale[1]),
    )


def _fitted(extent: tuple[float, float], size: Size, *, is_stretched: bool) -> Size:
    """The whole number of pixels that `extent` takes up in a frame of `size`."""
    if is_stretched:
        return size
    scale = min(size[0] / extent[0], size[1] / extent[1])
    return (
        min(size[0], max(1, round(extent[0] * scale))),
        min(size[1], max(1, round(extent[1] * scale))),
    )


def _crop_around(mask: Mask, margin: float) -> Box:
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


def _whole(size: Size) -> Box:
    return Box(x0=0, y0=0, x1=size[1], y1=size[0])


def _slices(crop: Box) -> tuple[slice, slice]:
    return slice(int(crop.y0), int(crop.y1)), slice(int(crop.x0), int(crop.x1))


def _resample(pixels: Pixels, geometry: Geometry) -> Pixels:
    """Crop, mirror, scale in one resampling, and lay into a black frame."""
    rows, columns = _slices(geometry.crop)
    piece = pixels[rows, columns]
    placed = place_box(geometry.crop, geometry)
    top, left = round(placed.y0), round(placed.x0)
    height, width = round(placed.y1) - top, round(placed.x1) - left
    small = _resized(piece, (height, width))
    frame = np.zeros(geometry.prepared_size, dtype=np.float32)
    frame[top : top + height, left : left + width] = (
        small[:, ::-1] if geometry.is_flipped else small
    )
    return frame


def _resized(pixels: Pixels, size: Size) -> Pixels:
    """Shrunk by averaging areas, enlarged linearly, each axis by its own rule."""
    height, width = size
    is_low, is_narrow = height <= pixels.shape[0], width <= pixels.shape[1]
    if is_low == is_narrow:
        how = cv2.INTER_AREA if is_low else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), dtype=np.float32)
    first = (width, pixels.shape[0]) if is_narrow else (pixels.shape[1], height)
    shrunk = cv2.resize(pixels, first, interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )
