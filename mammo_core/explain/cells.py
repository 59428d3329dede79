"""The cells of a map as tiles of the prepared image, moved to where the cells look."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.prepare import place_box, restore_box
from mammo_core.types import Box, Geometry, Size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Edges in prepared pixels, one more than there are rows and columns."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    @property
    def row_middles(self) -> NDArray[np.float64]:
        return (self.rows[:-1] + self.rows[1:]) / 2

    @property
    def column_middles(self) -> NDArray[np.float64]:
        return (self.columns[:-1] + self.columns[1:]) / 2


def cells_of(shape: tuple[int, ...], size: Size, offset: float) -> Cells:
    """A map of `shape` (rows, columns) over a prepared image of `size`; `offset` is its card's."""
    return Cells(
        rows=np.linspace(0.0, size[0], shape[0] + 1) + offset,
        columns=np.linspace(0.0, size[1], shape[1] + 1) + offset,
    )


def shares_in_cells(mask: NDArray[np.bool_], cells: Cells) -> NDArray[np.float64]:
    """The share of each cell in which `mask`, of the prepared image, is True."""
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    sums[1:, 1:] = mask.cumsum(axis=0).cumsum(axis=1)
    rows = np.clip(np.rint(cells.rows), 0, mask.shape[0]).astype(np.intp)
    columns = np.clip(np.rint(cells.columns), 0, mask.shape[1]).astype(np.intp)
    in_cells = np.diff(np.diff(sums[np.ix_(rows, columns)], axis=0), axis=1)
    shares: NDArray[np.float64] = in_cells / (
        np.diff(cells.rows)[:, None] * np.diff(cells.columns)[None, :]
    )
    return np.minimum(shares, 1.0)


def spread_over_pixels(values: NDArray[np.intp], cells: Cells, size: Size) -> NDArray[np.intp]:
    """The value of the cell each prepared pixel lies in; beyond the last cell, of the nearest."""
    rows, columns = (
        np.clip(np.searchsorted(edges, np.arange(side) + 0.5) - 1, 0, len(edges) - 2)
        for edges, side in ((cells.rows, size[0]), (cells.columns, size[1]))
    )
    return values[np.ix_(rows, columns)]


Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedMap:
    """A map at its own resolution, and what lays it onto the source image."""

    evidence: NDArray[np.float32]
    geometry: Geometry
    offset: float

    @property
    def cells(self) -> Cells:
        return cells_of(self.evidence.shape, self.geometry.prepared_size, self.offset)


def mean_of_maps(maps: Sequence[PlacedMap]) -> NDArray[np.float32]:
    """On the cells of the first; the others as they are where those cells look."""
    laid = [maps[0].evidence.astype(np.float64), *(_laid_onto(maps[0], one) for one in maps[1:])]
    return np.asarray(np.mean(laid, axis=0), dtype=np.float32)


def _laid_onto(target: PlacedMap, one: PlacedMap) -> Floats:
    """Between its cells interpolated, beyond its frame 0: there its model saw nothing."""
    height, width = one.geometry.prepared_size
    rows = np.array([_moved(row, 0.0, target, one)[0] for row in target.cells.row_middles])
    columns = np.array([_moved(0.0, at, target, one)[1] for at in target.cells.column_middles])
    down = _weights(rows, one.cells.row_middles, height)
    across = _weights(columns, one.cells.column_middles, width)
    return np.asarray(down @ one.evidence.astype(np.float64) @ across.T)


def _moved(row: float, column: float, target: PlacedMap, one: PlacedMap) -> tuple[float, float]:
    """A point of the prepared image of `target` in that of `one`."""
    point = Box(x0=column, y0=row, x1=column, y1=row)
    there = place_box(restore_box(point, target.geometry), one.geometry)
    return there.y0, there.x0


def _weights(at: Floats, middles: Floats, side: int) -> Floats:
    """(places, cells): what each cell counts for at each place; the outermost reach to the edge."""
    cells = np.eye(len(middles))
    counts = np.stack([np.interp(at, middles, one) for one in cells], axis=1)
    return np.asarray(counts * ((at >= 0.0) & (at <= side))[:, None])
