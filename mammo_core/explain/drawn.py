"""A heatmap as it may be shown: coloured inside the breast alone, and what else must be said of it.

A cell of a map is far larger than the rim of a breast: drawn as it is, it colours the dark beside
the skin, and a reader takes an edge for a finding. How much of the evidence lies there is measured
on the map as it would be drawn, before anything is cut away.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.breast import Mask
from mammo_core.preprocessing.prepare import to_heat
from mammo_core.reading import Reading, is_flat
from mammo_core.types import Geometry, Pixels

#: Pixels along the longer side. A map has far fewer cells.
LONGEST: Final = 512
#: Of the breast's longer side: how far inside its outline its border reaches, 5 mm of 17 cm.
RIM: Final = 0.03
#: From this share of the evidence outside the breast or on its border, the map is warned of. The
#: rim is about an eighth of a breast's area; evidence spread evenly does not reach it.
MUCH_AT_RIM: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnMap:
    """A map laid onto the frame of its image."""

    heat: NDArray[np.uint8]  # 255 is full colour, 0 everywhere outside the breast
    at_rim: float = 0.0  # share of the evidence outside the breast or on its border, 0 to 1

    @property
    def warning(self) -> str:
        """A sentence where much of the evidence lies where no lesion can be; "" elsewhere."""
        if self.at_rim < MUCH_AT_RIM:
            return ""
        return (
            f"{self.at_rim:.0%} of the evidence lies outside the breast or on its border: the "
            "score may come from the edge of the image, not from tissue."
        ).replace("%", " %", 1)


def draw(
    values: Pixels,
    geometry: Geometry,
    breast: Mask,
    *,
    offset: float = 0.0,
) -> DrawnMap:
    """`values` (1 is full colour) on the source frame; `breast` is of that frame, of any size. A
    frame without an outline is all breast, and has no rim.
    """
    heat = to_heat(values, geometry, longest=LONGEST, offset=offset)
    inside = _fitted(breast, heat.shape)
    return DrawnMap(
        heat=np.where(inside, heat, np.uint8(0)),
        at_rim=_at_rim(values, geometry, inside, offset=offset),
    )


def drawn_of(reading: Reading, breast: Mask) -> DrawnMap:
    return draw(
        reading.colours,
        reading.geometry,
        breast,
        offset=reading.offset,
    )


def _at_rim(values: Pixels, geometry: Geometry, inside: Mask, *, offset: float) -> float:
    highest = float(values.max())
    if highest <= 0.0 or inside.all() or not inside.any() or is_flat(values):
        return 0.0
    # On the map's own scale, or a faint map would be lost in the rounding.
    spread = to_heat(values / np.float32(highest), geometry, longest=LONGEST, offset=offset)
    total = int(spread.sum())
    return 1.0 - int(spread[_core(inside)].sum()) / total if total else 0.0


def _core(inside: Mask) -> Mask:
    """The breast without its rim. Where it meets the frame, at the chest wall, there is none."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    reach = max(1, round(RIM * max(np.ptp(rows) + 1, np.ptp(columns) + 1)))
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.erode(inside.view(np.uint8), round_), dtype=np.bool_)


def _fitted(breast: Mask, shape: tuple[int, ...]) -> Mask:
    """`breast` at another size: True where a pixel lies in it whole."""
    height, width = shape
    how = cv2.INTER_AREA if height <= breast.shape[0] else cv2.INTER_LINEAR
    whole = breast.astype(np.uint8) * np.uint8(255)
    return np.asarray(cv2.resize(whole, (width, height), interpolation=how) == 255)
