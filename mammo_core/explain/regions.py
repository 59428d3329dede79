"""The peaks of a heatmap inside the breast: as boxes, with their share of the evidence, in words.

Words go no further than two views allow. A CC is shown with the outer side at the top, so it tells
outer from inner; an MLO tells upper from lower. How deep a region lies is told in thirds of the way
from the nipple to the chest wall. A quadrant needs both views, and a clock position is never given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.explain.cells import Cells, cells_of, shares_in_cells
from mammo_core.preprocessing.breast import Mask, is_chest_wall_right
from mammo_core.preprocessing.prepare import resample, restore_box
from mammo_core.reading import Across, Region, is_flat
from mammo_core.types import Box, Geometry, Laterality, View

#: A region is what lies together and reaches this share of its own peak.
OF_ITS_PEAK: Final = 0.5
#: From here on a cell of an absolute map stands out: one image without cancer in two hundred does.
STANDS_OUT: Final = 1.0
#: ... and of a relative map, in which some point is always 1, what comes near that point.
NEAR_THE_HIGHEST: Final = 0.5
_CENTRAL: Final = 1 / 6  # of the breast's height, above and below the nipple
_SAME_DEPTH: Final = 0.25  # of the way to the chest wall: two views of one thing differ by less
_LEAST_BREAST: Final = 0.05  # of a cell; one that shows less of the breast lies outside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """What stands out in one image, the strongest first, and what lies where no breast is."""

    inside: tuple[Region, ...]
    outside: float  # share of the evidence outside the breast, 0 to 1


def find_regions(
    evidence: NDArray[np.floating],
    geometry: Geometry,
    breast: Mask,
    *,
    offset: float = 0.0,
    is_relative: bool = False,
    side: Laterality | None = None,
    view: View | None = None,
) -> Regions:
    """The regions of one map that stand out; none where nothing reaches full colour, or where
    all of it is much the same.

    `evidence` is the map at its own resolution (rows, columns), 1 being full colour; `geometry`
    and `offset` are those of its reading, `breast` is `find_breast` of the source image. Use
    `is_relative` for maps whose highest point is always 1.
    """
    cells = cells_of(evidence.shape, geometry.prepared_size, offset)
    in_frame = np.asarray(resample(breast.view(np.uint8) * np.uint8(255), geometry) > 127)
    is_inside = shares_in_cells(in_frame, cells) >= _LEAST_BREAST
    total = float(evidence.sum())
    if total <= 0.0 or is_flat(evidence):
        return Regions(inside=(), outside=0.0)
    inside = np.where(is_inside, evidence, 0.0)
    least = NEAR_THE_HIGHEST * float(evidence.max()) if is_relative else STANDS_OUT
    place = _Place.of(breast, side=side, view=view)
    return Regions(
        inside=tuple(
            _region(members, inside, total=total, cells=cells, geometry=geometry, place=place)
            for members in _together(inside, least)
        ),
        outside=float(1.0 - inside.sum() / total),
    )


def quadrant_of(cc: Sequence[Region], mlo: Sequence[Region]) -> str:
    """ "upper outer quadrant", where the strongest region of either view of one breast may show one
    thing; else empty. Nearly as far from the nipple in both is as much as two views can tell.
    """
    if not cc or not mlo:
        return ""
    first, second = cc[0], mlo[0]
    if first.from_nipple is None or second.from_nipple is None:
        return ""
    if abs(first.from_nipple - second.from_nipple) > _SAME_DEPTH:
        return ""
    is_told = first.across in (Across.OUTER, Across.INNER) and second.across in (
        Across.UPPER,
        Across.LOWER,
    )
    return f"{second.across} {first.across} quadrant" if is_told else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a source image tells of where things lie: its breast's outline, side and view."""

    outline: Box
    nipple_row: float
    is_chest_wall_right: bool
    across: tuple[Across, Across] | None  # above and below the nipple

    @staticmethod
    def of(breast: Mask, *, side: Laterality | None, view: View | None) -> "_Place | None":
        """None where the image has no outline, so that no depth can be told.

        The side tells only whether the image lies as it is usually shown: in one that was turned
        by half a turn, up is down.
        """
        if breast.all() or not breast.any():
            return None
        rows, columns = (np.flatnonzero(breast.any(axis=axis)) for axis in (1, 0))
        is_right = is_chest_wall_right(breast)
        foremost = breast[:, columns[0] if is_right else columns[-1]]
        names = {View.CC: (Across.OUTER, Across.INNER), View.MLO: (Across.UPPER, Across.LOWER)}
        is_usual = side is not None and is_right == (side is Laterality.RIGHT)
        return _Place(
            outline=Box(x0=columns[0], y0=rows[0], x1=columns[-1] + 1, y1=rows[-1] + 1),
            nipple_row=float(np.flatnonzero(foremost).mean()) + 0.5,
            is_chest_wall_right=is_right,
            across=names.get(view) if view is not None and is_usual else None,
        )

    def from_nipple(self, column: float) -> float:
        share = (column - self.outline.x0) / (self.outline.x1 - self.outline.x0)
        return float(np.clip(share if self.is_chest_wall_right else 1.0 - share, 0.0, 1.0))

    def across_at(self, row: float) -> Across | None:
        if self.across is None:
            return None
        above = (self.nipple_row - row) / (self.outline.y1 - self.outline.y0)
        if abs(above) <= _CENTRAL:
            return Across.CENTRAL
        return self.across[0] if above > 0 else self.across[1]


def _together(inside: NDArray[np.floating], least: float) -> list[NDArray[np.bool_]]:
    """The cells of each region, the highest peak first. The flank of a peak is no peak."""
    values = np.ascontiguousarray(inside, dtype=np.float32)
    around = np.asarray(cv2.dilate(values, np.ones((3, 3), dtype=np.uint8)))
    peaks = np.argwhere((values >= around) & (values >= least) & (values > 0.0))
    taken = np.zeros(values.shape, dtype=np.bool_)
    found = []
    for row, column in sorted(peaks.tolist(), key=lambda at: -values[at[0], at[1]]):
        if taken[row, column]:
            continue
        members = cells_around(np.where(taken, 0.0, values), (row, column))
        taken |= members
        found.append(members)
    return found


def cells_around(values: NDArray[np.floating], peak: tuple[int, int]) -> NDArray[np.bool_]:
    """The cells that lie together with `peak` and reach half of it."""
    high = values >= OF_ITS_PEAK * values[peak]
    _, labels = cv2.connectedComponents(high.astype(np.uint8), connectivity=8)
    return np.asarray(labels == labels[peak], dtype=np.bool_)


def _region(
    members: NDArray[np.bool_],
    inside: NDArray[np.floating],
    *,
    total: float,
    cells: Cells,
    geometry: Geometry,
    place: _Place | None,
) -> Region:
    rows, columns = (np.flatnonzero(members.any(axis=axis)) for axis in (1, 0))
    weights = np.where(members, inside, 0.0)
    box = _in_source(
        Box(
            x0=cells.columns[columns[0]],
            y0=cells.rows[rows[0]],
            x1=cells.columns[columns[-1] + 1],
            y1=cells.rows[rows[-1] + 1],
        ),
        geometry,
    )
    # Where in the source, (row, column), the evidence of a region has its middle.
    row = float(weights.sum(axis=1) @ cells.row_middles / weights.sum())
    column = float(weights.sum(axis=0) @ cells.column_middles / weights.sum())
    point = restore_box(Box(x0=column, y0=row, x1=column, y1=row), geometry)
    row, column = point.y0, point.x0
    return Region(
        box=box,
        share=float(weights.sum() / total),
        peak=float(weights.max()),
        across=place.across_at(row) if place else None,
        from_nipple=place.from_nipple(column) if place else None,
    )


def _in_source(box: Box, geometry: Geometry) -> Box:
    """A box of prepared pixels in the source, no further than the source reaches."""
    height, width = geometry.source_size
    found = restore_box(box, geometry)
    return Box(
        x0=float(np.clip(found.x0, 0, width)),
        y0=float(np.clip(found.y0, 0, height)),
        x1=float(np.clip(found.x1, 0, width)),
        y1=float(np.clip(found.y1, 0, height)),
    )
