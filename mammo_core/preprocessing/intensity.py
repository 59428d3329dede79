"""Grey values: stretched between percentiles, evened out locally (CLAHE), and normalised."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Pixels


def stretch_percentiles(
    pixels: Pixels, mask: NDArray[np.bool_], percentiles: tuple[float, float]
) -> Pixels:
    """Two percentiles of the values inside `mask` become 0 and 1; what lies beyond is cut off."""
    inside = pixels[mask]
    if inside.size == 0:
        return pixels
    low, high = np.percentile(inside, percentiles)
    if high <= low:
        return pixels
    stretched = (pixels - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(stretched, 0.0, 1.0), dtype=np.float32)


def equalise(pixels: Pixels) -> Pixels:
    """CLAHE: contrast-limited adaptive histogram equalisation, 8 x 8 tiles, clip limit 2."""
    clahe = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
    levels = np.rint(np.clip(pixels, 0.0, 1.0) * 65535).astype(np.uint16)
    return np.asarray(clahe.apply(levels), dtype=np.float32) / np.float32(65535)


def normalise(pixels: Pixels, *, mean: tuple[float, ...], std: tuple[float, ...]) -> Pixels:
    """(height, width) in [0, 1] to (channels, height, width): one mean and std per channel."""
    means = np.array(mean, dtype=np.float32)[:, None, None]
    stds = np.array(std, dtype=np.float32)[:, None, None]
    return np.asarray((pixels[None] - means) / stds, dtype=np.float32)
