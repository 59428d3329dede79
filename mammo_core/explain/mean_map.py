"""Heatmaps of several models of one image, each on cells and a frame of its own, as one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammo_core.explain.cells import Cells, cells_of
from mammo_core.preprocessing.prepare import place_box, restore_box
from mammo_core.types import Box, Geometry

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
