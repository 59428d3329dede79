"""The cells of a map as tiles of the prepared image, moved to where the cells look."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Size


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
