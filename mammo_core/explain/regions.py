"""The peaks of a heatmap inside the breast: as boxes, with their share of the evidence, in words.

Words go no further than two views allow. A CC is shown with the outer side at the top, so it tells
outer from inner; an MLO tells upper from lower. How deep a region lies is told in thirds of the way
from the nipple to the chest wall. A quadrant needs both views, and a clock position is never given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.breast import Mask, is_chest_wall_right
from mammo_core.preprocessing.layout import resample
from mammo_core.preprocessing.prepare import restore_box
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


class Across(StrEnum):
    """Where a region lies along the chest wall, seen from the nipple."""

    OUTER = "outer"
    INNER = "inner"
    UPPER = "upper"
    LOWER = "lower"
    CENTRAL = "central"


class Depth(StrEnum):
    """Thirds of the way from the nipple to the chest wall."""

    ANTERIOR = "anterior third"
    MIDDLE = "middle third"
    POSTERIOR = "posterior third"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Cells that lie together around a peak of the map."""

    box: Box  # around its cells, in pixel edges of the source image
    share: float  # of all evidence in the image, 0 to 1
    peak: float  # on the map's own scale
    across: Across | None = None  # None where view, side or outline do not tell
    from_nipple: float | None = None  # 0 at the nipple, 1 at the chest wall

    @property
    def depth(self) -> Depth | None:
        if self.from_nipple is None:
            return None
        return tuple(Depth)[min(2, int(3 * self.from_nipple))]

    @property
    def words(self) -> str:
        """ "outer, middle third"; empty where nothing is known."""
        return ", ".join(part for part in (self.across, self.depth) if part)


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
    """The regions of one map that stand out; none where nothing reaches full colour.

    `evidence` is the map at its own resolution (rows, columns), 1 being full colour; `geometry`
    and `offset` are those of its reading, `breast` is `find_breast` of the source image. Use
    `is_relative` for maps whose highest point is always 1.
    """
    cells = _cells(evidence.shape, geometry, offset)
    is_inside = _breast_in_cells(breast, geometry, cells) >= _LEAST_BREAST
    total = float(evidence.sum())
    if total <= 0.0:
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """The edges of a map's cells in prepared pixels, moved to where the cells look."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]


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


def _cells(shape: tuple[int, ...], geometry: Geometry, offset: float) -> _Cells:
    height, width = geometry.prepared_size
    return _Cells(
        rows=np.linspace(0.0, height, shape[0] + 1) + offset,
        columns=np.linspace(0.0, width, shape[1] + 1) + offset,
    )


def _breast_in_cells(breast: Mask, geometry: Geometry, cells: _Cells) -> NDArray[np.float64]:
    """The share of each cell in which the breast lies."""
    prepared = resample(breast.view(np.uint8) * np.uint8(255), geometry) > 127
    sums = np.zeros((prepared.shape[0] + 1, prepared.shape[1] + 1))
    sums[1:, 1:] = prepared.cumsum(axis=0).cumsum(axis=1)
    rows = np.clip(np.rint(cells.rows), 0, prepared.shape[0]).astype(np.intp)
    columns = np.clip(np.rint(cells.columns), 0, prepared.shape[1]).astype(np.intp)
    in_cells = np.diff(np.diff(sums[np.ix_(rows, columns)], axis=0), axis=1)
    area = np.diff(cells.rows)[:, None] * np.diff(cells.columns)[None, :]
    shares: NDArray[np.float64] = in_cells / area
    return shares


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
        high = (values >= OF_ITS_PEAK * values[row, column]) & ~taken
        _, labels = cv2.connectedComponents(high.astype(np.uint8), connectivity=8)
        members = np.asarray(labels == labels[row, column], dtype=np.bool_)
        taken |= members
        found.append(members)
    return found


def _region(
    members: NDArray[np.bool_],
    inside: NDArray[np.floating],
    *,
    total: float,
    cells: _Cells,
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
    row, column = _centre(weights, cells, geometry)
    return Region(
        box=box,
        share=float(weights.sum() / total),
        peak=float(weights.max()),
        across=place.across_at(row) if place else None,
        from_nipple=place.from_nipple(column) if place else None,
    )


def _centre(
    weights: NDArray[np.floating], cells: _Cells, geometry: Geometry
) -> tuple[float, float]:
    """Where in the source, (row, column), the evidence of a region has its middle."""
    middles = [(edges[:-1] + edges[1:]) / 2 for edges in (cells.rows, cells.columns)]
    row = float(weights.sum(axis=1) @ middles[0] / weights.sum())
    column = float(weights.sum(axis=0) @ middles[1] / weights.sum())
    point = restore_box(Box(x0=column, y0=row, x1=column, y1=row), geometry)
    return point.y0, point.x0


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
