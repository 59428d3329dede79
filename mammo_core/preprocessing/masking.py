"""Text outside the breast (names, letters, dates) blotted out, for images that are kept."""

from dataclasses import replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.breast import find_breast
from mammo_core.types import Mammogram

_ROOM: Final = 0.02  # of the longer side, kept around the breast so that no skin is lost


def mask_outside_breast(mammogram: Mammogram) -> Mammogram:
    """`mammogram` with everything well outside the breast set to black, and a note that says so."""
    inside = _with_room(find_breast(mammogram.pixels))
    if inside.all():
        return mammogram
    wide = mammogram.wide
    return replace(
        mammogram,
        pixels=np.where(inside, mammogram.pixels, np.float32(0)),
        wide=None if wide is None else np.where(inside, wide, wide[inside].min()),
        notes=(*mammogram.notes, "Everything outside the breast was blotted out before keeping."),
    )


def _with_room(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` grown by a little, worked out on a small copy: the room need not be exact."""
    height, width = mask.shape
    reduction = max(1, max(height, width) // 400)
    small: Any = cv2.resize(
        mask.astype(np.uint8),
        (max(1, width // reduction), max(1, height // reduction)),
        interpolation=cv2.INTER_AREA,
    )
    side = 2 * max(1, round(_ROOM * max(small.shape))) + 1
    grown = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.asarray(cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST) > 0)
