"""How well one map agrees with where the lesion is, and how well chance would have.

Chance is matched for area: a point anywhere in the breast, a map spread evenly over it, the map's
own region laid anywhere in it. In a small breast with a large lesion chance does well, and any map
with it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.explain.cells import Cells, cells_of, shares_in_cells
from mammo_core.explain.marked import Marked
from mammo_core.explain.regions import cells_around


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of one image; `chance_` is what to expect of a map that knows nothing."""

    pointing: float  # 1 where the map's highest point lies in the lesion, else 0
    chance_pointing: float
    energy: float  # share of the map's evidence that lies in the lesion
    chance_energy: float
    overlap: float  # intersection over union of the lesion and the cells around the peak
    chance_overlap: float


def agreement_of(evidence: NDArray[np.floating], marked: Marked, *, offset: float) -> Agreement:
    """Of a map (rows, columns) that is nowhere negative. A flat map points nowhere.

    A map cannot point finer than its cells, so the lesion is widened by half a cell for pointing,
    and so it is for chance.
    """
    cells = cells_of(evidence.shape, marked.size, offset)
    lesion = shares_in_cells(marked.lesion, cells)
    breast = shares_in_cells(marked.breast, cells)
    widened = _widened(marked.lesion, cells) & marked.breast
    total = float(evidence.sum())
    overlap, chance_overlap = _overlaps(evidence, lesion, breast)
    return Agreement(
        pointing=float(_points_into(evidence, _widened(marked.lesion, cells), cells)),
        chance_pointing=_share_of(widened, marked.breast),
        energy=float((evidence * lesion).sum()) / total if total > 0.0 else 0.0,
        chance_energy=_share_of(marked.lesion & marked.breast, marked.breast),
        overlap=overlap,
        chance_overlap=chance_overlap,
    )


def _points_into(evidence: NDArray[np.floating], area: NDArray[np.bool_], cells: Cells) -> bool:
    if evidence.max() <= evidence.min():
        return False
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    at = int(cells.row_middles[row]), int(cells.column_middles[column])
    is_in_frame = 0 <= at[0] < area.shape[0] and 0 <= at[1] < area.shape[1]
    return is_in_frame and bool(area[at])


def _widened(lesion: NDArray[np.bool_], cells: Cells) -> NDArray[np.bool_]:
    """By half a cell all around."""
    height = 2 * round((cells.rows[1] - cells.rows[0]) / 2) + 1
    width = 2 * round((cells.columns[1] - cells.columns[0]) / 2) + 1
    grown = cv2.dilate(lesion.astype(np.uint8), np.ones((height, width), dtype=np.uint8))
    return np.asarray(grown > 0, dtype=np.bool_)


def _share_of(area: NDArray[np.bool_], breast: NDArray[np.bool_]) -> float:
    return float(area.sum() / breast.sum()) if breast.any() else 0.0


def _overlaps(
    evidence: NDArray[np.floating], lesion: NDArray[np.floating], breast: NDArray[np.floating]
) -> tuple[float, float]:
    """Of the cells around the peak, and the mean of the same cells laid all over the breast."""
    if evidence.max() <= evidence.min():
        return 0.0, 0.0
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    members = np.argwhere(cells_around(evidence, (int(row), int(column)))) - (row, column)
    places = np.concatenate([[(row, column)], np.argwhere(breast >= 0.5)])
    laid = places[:, None, :] + members[None, :, :]
    is_on = ((laid >= 0) & (laid < evidence.shape)).all(axis=2)
    rows, columns = np.moveaxis(np.where(is_on[:, :, None], laid, 0), -1, 0)
    shared = np.where(is_on, lesion[rows, columns], 0.0).sum(axis=1)
    overlaps = shared / (is_on.sum(axis=1) + lesion.sum() - shared)
    return float(overlaps[0]), float(overlaps[1:].mean()) if len(overlaps) > 1 else 0.0
