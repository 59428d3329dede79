"""Grey values: one channel out of three, stretched, evened out locally (CLAHE), and normalised."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError
from mammo_core.prepare_settings import PrepareSettings
from mammo_core.types import Pixels, Window

Levels = NDArray[np.uint8] | NDArray[np.uint16]

LOOKUP_TABLE: Final = "Look-up table"  # what a window is called that is a file's table


def apply_window(window: Window, values: NDArray[Any]) -> Pixels:
    """Values to 0..1 through a window given in their own units."""
    width = window.high - window.low
    if window.is_sigmoid:
        center = (window.low + window.high) / 2
        exponent = np.clip(-4.0 * (values - center) / width, -700.0, 700.0)
        return np.asarray(1.0 / (1.0 + np.exp(exponent)), dtype=np.float32)
    if width <= 0:
        return np.asarray(values > window.low, dtype=np.float32)
    return np.asarray(np.clip((values - window.low) / width, 0.0, 1.0), dtype=np.float32)


def stretch(pixels: Pixels, low: float, high: float) -> Pixels:
    """`low` becomes 0 and `high` 1; what lies beyond is cut off."""
    stretched = (pixels - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(stretched, 0.0, 1.0), dtype=np.float32)


def equalise(pixels: Pixels) -> Pixels:
    """CLAHE: contrast-limited adaptive histogram equalisation, 8 x 8 tiles, clip limit 2.

    In 256 levels, as published work does it: with 65,536 OpenCV's histogram has more bins than a
    tile has pixels, and the step does next to nothing.
    """
    clahe = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
    levels = np.rint(np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8)
    return np.asarray(clahe.apply(levels), dtype=np.float32) / np.float32(255)


def to_levels(pixels: Pixels, bits: int) -> Levels:
    """[0, 1] as whole numbers: 8 bits for a source of up to 8, else 16. The cache keeps these."""
    clipped = np.clip(pixels, 0.0, 1.0)
    if bits <= 8:
        return np.asarray(np.rint(clipped * np.float32(255)), dtype=np.uint8)
    return np.asarray(np.rint(clipped * np.float32(65535)), dtype=np.uint16)


def normalise(levels: Levels, *, mean: tuple[float, ...], std: tuple[float, ...]) -> Pixels:
    """Whole numbers (height, width) to (channels, height, width): one mean and std a channel."""
    top = np.float32(np.iinfo(levels.dtype).max)
    pixels = levels.astype(np.float32) / top
    means = np.array(mean, dtype=np.float32)[:, None, None]
    stds = np.array(std, dtype=np.float32)[:, None, None]
    return np.asarray((pixels[None] - means) / stds, dtype=np.float32)


def as_seen(levels: Levels, settings: PrepareSettings) -> Pixels:
    """Prepared levels as `settings` have a model see them, (channels, height, width)."""
    if settings.authors is None or settings.authors.last != "moments":
        return normalise(levels, mean=settings.mean, std=settings.std)
    values = levels.astype(np.float32) / np.float32(np.iinfo(levels.dtype).max)
    mean = np.float32(values.mean(dtype=np.float64))
    spread = np.float32(max(float(values.std(dtype=np.float64)), _LEAST_SPREAD))
    one = (values - mean) / spread
    return np.ascontiguousarray(np.broadcast_to(one, (settings.channels, *one.shape)))


_LEAST_SPREAD: Final = 1e-5  # an image of one grey is divided by this
_TOLERANCE: Final = 10 / 255  # lossy compression alone makes channels differ by a few levels
_COLOURED_SHARE: Final = 0.01  # a coloured stamp in a corner makes no photograph of a mammogram


def levels(values: NDArray[Any], highest: int) -> Levels:
    """Whole numbers up to `highest` in the smallest type that holds them."""
    return values.astype(np.uint8) if highest < 256 else values.astype(np.uint16)


def grey_channel(pixels: NDArray[Any], *, highest: int) -> Levels:
    """The green channel, closest to luminance, of (..., 3) that is grey; colour is refused."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    brightest = np.maximum(np.maximum(red, green), blue)
    spread = brightest - np.minimum(np.minimum(red, green), blue)
    share = float(np.mean(spread > _TOLERANCE * highest))
    if share > _COLOURED_SHARE:
        raise ReadError(
            "coloured",
            f"This picture is coloured ({share:.0%} of its pixels); a mammogram is grey.",
            "Is it a photograph or a screenshot? Export the mammogram itself.",
        )
    return levels(green, highest)
