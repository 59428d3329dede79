"""A mammogram as it might have come: mirrored, rotated, compressed, windowed otherwise, without its
letters. A score should hardly move; where it does, the model hangs on what it should not.
"""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.breast import add_room, find_breast, mask_outside_breast
from mammo_core.preprocessing.intensity import as_seen
from mammo_core.preprocessing.prepare import prepare_grey, resample
from mammo_core.types import Mammogram, Pixels

_WHITE: Final = 255


def mirrored(mammogram: Mammogram) -> Mammogram:
    return _with_pixels(mammogram, np.ascontiguousarray(mammogram.pixels[:, ::-1]))


def rotated(mammogram: Mammogram, degrees: float) -> Mammogram:
    """About the middle, anticlockwise; what comes in from beyond the frame is black."""
    height, width = mammogram.size
    turn = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
    turned = cv2.warpAffine(mammogram.pixels, turn, (width, height), flags=cv2.INTER_LINEAR)
    return _with_pixels(mammogram, np.asarray(turned, dtype=np.float32))


def windowed(mammogram: Mammogram, width: float) -> Mammogram:
    """The grey-scale window `width` times as wide, black where it was."""
    return _with_pixels(mammogram, np.minimum(mammogram.pixels / np.float32(width), 1.0))


def compressed(mammogram: Mammogram, quality: int) -> Mammogram:
    """As 8-bit JPEG of that quality, and back."""
    levels = np.rint(mammogram.pixels * _WHITE).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    return _with_pixels(mammogram, np.asarray(decoded, dtype=np.float32) / np.float32(_WHITE))


def halved(mammogram: Mammogram) -> Mammogram:
    """At half the resolution, every pixel the mean of four."""
    height, width = mammogram.size
    half = (max(1, width // 2), max(1, height // 2))
    reduced = cv2.resize(mammogram.pixels, half, interpolation=cv2.INTER_AREA)
    half_size = _with_pixels(mammogram, np.asarray(reduced, dtype=np.float32))
    spacing = mammogram.info.spacing_mm
    doubled = None if spacing is None else (2 * spacing[0], 2 * spacing[1])
    return replace(half_size, info=replace(half_size.info, spacing_mm=doubled))


def without_letters(mammogram: Mammogram) -> Mammogram:
    """Black well outside the breast; its skin and what is near it stay."""
    return mask_outside_breast(mammogram)


def without_background(mammogram: Mammogram) -> Mammogram:
    """Black right up to the breast's outline."""
    mask = find_breast(mammogram.pixels)
    return _with_pixels(mammogram, np.where(mask, mammogram.pixels, np.float32(0)))


def prepared_without_breast(mammogram: Mammogram, settings: PrepareSettings) -> Pixels:
    """What a model with `settings` sees of the image when its breast is taken out: letters and
    background alone, laid out as with the breast.
    """
    grey = prepare_grey(mammogram, settings)
    mask = add_room(find_breast(mammogram.pixels))
    breast = resample(mask.view(np.uint8) * np.uint8(_WHITE), grey.geometry) > 0
    ground = np.median(grey.levels[~breast]) if not breast.all() else 0
    levels = np.where(breast, np.asarray(ground, dtype=grey.levels.dtype), grey.levels)
    return as_seen(levels, settings)


def _with_pixels(mammogram: Mammogram, pixels: Pixels) -> Mammogram:
    """What was kept beside the pixels, from before the window, no longer belongs to them."""
    info = replace(mammogram.info, windows=(), black=0, stored_window=None, painted=None)
    return Mammogram(info=info, pixels=pixels.astype(np.float32))
