"""An image for the eye: reduced to a screen's worth of pixels, windows and measures kept.

The model never sees what is made here; see prepare.py for that.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.breast import Mask, find_breast, is_chest_wall_right
from mammo_core.preprocessing.prepare import restore_map
from mammo_core.types import Box, Geometry, Mammogram, Pixels, Window

_TISSUE_PERCENTILES: Final = (1.0, 99.8)
_MOST_BITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DisplayImage:
    """What the viewer needs of a mammogram. Lengths are those of `pixels`."""

    pixels: NDArray[np.uint16]
    windows: tuple[Window, ...]  # in units of `pixels`; the first is the one to show
    reduction: float  # original pixels per pixel, the same along both axes
    spacing_mm: float | None  # None also where pixels are not square
    is_spacing_at_detector: bool
    breast: Box  # in pixels of `pixels`
    chest_wall: Literal["left", "right"]


def to_pane(mammogram: Mammogram, *, longest: int) -> DisplayImage:
    """`mammogram` at most `longest` pixels a side, each the mean of the pixels it covers."""
    values = _grey_values(mammogram)
    reduction = max(1.0, max(values.shape) / longest)
    height, width = (max(1, round(side / reduction)) for side in values.shape)
    pixels = np.asarray(_reduced(values, height, width), dtype=np.uint16)
    mask = find_breast(np.asarray(_reduced(mammogram.pixels, height, width), dtype=np.float32))
    return DisplayImage(
        pixels=pixels,
        windows=(*_own_windows(mammogram), *_measured_windows(pixels, mask)),
        reduction=reduction,
        spacing_mm=_square_spacing(mammogram, reduction),
        is_spacing_at_detector=mammogram.is_spacing_at_detector,
        breast=_bounds(mask),
        chest_wall="right" if is_chest_wall_right(mask) else "left",
    )


def to_heat(
    values: Pixels, geometry: Geometry, *, longest: int, offset: float = 0.0
) -> NDArray[np.uint8]:
    """A map over the prepared frame, laid onto the source frame for the eye: 255 is full colour.

    A cell looks `offset` prepared pixels down and right of its tile's middle. Made at `longest`
    pixels a side, not at the source's: the map has far fewer cells than either.
    """
    reduction = max(1.0, max(geometry.source_size) / longest)
    height, width = (max(1, round(side / reduction)) for side in geometry.source_size)
    down, across = geometry.source_size[0] / height, geometry.source_size[1] / width
    crop = geometry.crop
    small = replace(
        geometry,
        source_size=(height, width),
        crop=Box(x0=crop.x0 / across, y0=crop.y0 / down, x1=crop.x1 / across, y1=crop.y1 / down),
        scale=(geometry.scale[0] * down, geometry.scale[1] * across),
        offset=(geometry.offset[0] - offset, geometry.offset[1] - offset),
    )
    heat = restore_map(np.clip(values, 0.0, 1.0), small)
    return np.asarray(np.rint(heat * 255), dtype=np.uint8)


def _bounds(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(
        x0=float(columns[0]), y0=float(rows[0]), x1=float(columns[-1] + 1), y1=float(rows[-1] + 1)
    )


def _grey_values(mammogram: Mammogram) -> NDArray[np.uint16]:
    """The values from before windowing; where none were kept, the pixels in their own depth."""
    if mammogram.wide is not None:
        return mammogram.wide
    top = 2 ** min(mammogram.bits, _MOST_BITS) - 1
    return np.asarray(np.rint(mammogram.pixels * np.float32(top)), dtype=np.uint16)


def _reduced(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    if values.shape == (height, width):
        return values
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA))


def _own_windows(mammogram: Mammogram) -> tuple[Window, ...]:
    """The file's windows hold for `wide` alone."""
    return mammogram.windows if mammogram.wide is not None else ()


def _measured_windows(pixels: NDArray[np.uint16], mask: Mask) -> tuple[Window, ...]:
    """The whole range, and the range of the breast's own grey values."""
    low, high = float(pixels.min()), float(pixels.max())
    dark, bright = (float(value) for value in np.percentile(pixels[mask], _TISSUE_PERCENTILES))
    return (
        Window(name="Whole range", low=low, high=max(high, low + 1)),
        Window(name="Tissue", low=dark, high=max(bright, dark + 1)),
    )


def _square_spacing(mammogram: Mammogram, reduction: float) -> float | None:
    if mammogram.spacing_mm is None:
        return None
    down, across = mammogram.spacing_mm
    return down * reduction if abs(down - across) <= 0.01 * down else None
