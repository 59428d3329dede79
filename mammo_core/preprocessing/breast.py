"""Find the breast in a mammogram: where tissue is, and on which side the chest wall lies."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError
from mammo_core.types import Pixels

WORKING_SIDE: Final = 384  # the longer side of the reduced image on which the breast is sought

Mask = NDArray[np.bool_]


def find_breast(pixels: Pixels) -> Mask:
    """True where the breast is: the largest bright thing that is no letter, tape or frame edge.

    An image of one single value holds no breast, and is refused.
    """
    if float(pixels.max()) - float(pixels.min()) < 1e-6:
        raise ReadError(
            "no_breast",
            "This image shows nothing: all its pixels have the same value.",
            "Was an empty or blank frame exported?",
        )
    mask = _largest_piece(_is_tissue(_reduced(pixels)))
    height, width = pixels.shape
    return cv2.resize(
        mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
    ).astype(bool)


def is_chest_wall_right(mask: Mask) -> bool:
    """Whether more breast lies in the right half: tissue is widest where it meets the chest."""
    columns = mask.sum(axis=0)
    half = mask.shape[1] // 2
    return int(columns[-half:].sum()) > int(columns[:half].sum())


def _reduced(pixels: Pixels) -> Pixels:
    height, width = pixels.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _is_tissue(small: Pixels) -> Mask:
    low, high = np.percentile(small, (5.0, 99.0))
    return np.asarray(small > low + 0.08 * (high - low), dtype=np.bool_)


def _largest_piece(tissue: Mask) -> Mask:
    side = max(3, max(tissue.shape) // 40)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    opened = cv2.morphologyEx(tissue.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(opened)
    if len(statistics) < 2:
        return np.ones(tissue.shape, dtype=np.bool_)
    return np.asarray(labels == 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax()), dtype=np.bool_)
