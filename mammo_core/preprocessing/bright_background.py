"""Films and scans shown inside out: told by their background, which is bright.

Background is what is flat: air has no structure, tissue has. So the flattest places near the
border are background, whatever their brightness. The very border is left out, for scanners and
films leave frames there, black or white.
"""

from typing import Final

import cv2
import numpy as np

from mammo_core.types import Pixels

_SIDE: Final = 128  # pixels; the image is reduced, which takes away noise and letters
_RING: Final = (0.06, 0.12)  # of the side: how far from the border one looks
_FLATTEST: Final = 0.25  # of the places in the ring
_BRIGHT: Final = 0.6  # between the dark end (0) and the bright end (1) of the image


def has_bright_background(pixels: Pixels) -> bool:
    """Whether the flattest quarter of a ring near the border is bright, on average."""
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    dark, bright = np.percentile(small, (1.0, 99.0))
    if dark == bright:
        return False
    around = np.ones((3, 3), dtype=np.uint8)
    unrest = cv2.dilate(small, around) - cv2.erode(small, around)
    outer, inner = (round(part * _SIDE) for part in _RING)
    ring = np.zeros(small.shape, dtype=np.bool_)
    ring[outer:-outer, outer:-outer] = True
    ring[inner:-inner, inner:-inner] = False
    is_flat = unrest[ring] <= np.quantile(unrest[ring], _FLATTEST)
    level = (float(small[ring][is_flat].mean()) - dark) / (bright - dark)
    return bool(level > _BRIGHT)
