"""Text outside the breast (names, letters, dates) blotted out, for images that are kept."""

from dataclasses import replace

import numpy as np

from mammo_core.preprocessing.breast import add_room, find_breast
from mammo_core.types import Mammogram


def mask_outside_breast(mammogram: Mammogram) -> Mammogram:
    """`mammogram` with everything well outside the breast set to black, and a note that says so."""
    mask = find_breast(mammogram.pixels)
    if mask.all():
        note = "No outline of the breast was found, so no text around it could be blotted out."
        return replace(mammogram, notes=(*mammogram.notes, note))
    inside = add_room(mask)
    wide = mammogram.wide
    return replace(
        mammogram,
        pixels=np.where(inside, mammogram.pixels, np.float32(0)),
        wide=None if wide is None else np.where(inside, wide, wide[inside].min()),
        notes=(*mammogram.notes, "Everything outside the breast was blotted out before keeping."),
    )
