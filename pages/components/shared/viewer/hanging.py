"""What the viewer shows, and where each image hangs: the right breast on the left of the screen,
chest walls back to back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Box, Laterality, View, Window

Edge = Literal["left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBox:
    """A rectangle, or the round that fits it, in pixel edges of the pane, with what is written
    beside it.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    text: str = ""
    is_round: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pane:
    """One image in the viewer, shown so that the breast fills the pane.

    Panes share a scale: equal millimetres where every `spacing_mm` is known, else equal breast
    heights where every `breast` is, else equal image heights.
    """

    key: str  # tells images apart, also from one case to the next
    title: str
    pixels: NDArray[np.uint16]
    full: NDArray[np.uint16] | None = None  # every stored pixel, fetched where the zoom shows it
    windows: tuple[Window, ...] = ()  # in units of `pixels`; the first is shown
    side: str | None = None
    view: str | None = None
    spacing_mm: float | None = None  # of one pixel of `pixels`
    is_spacing_at_detector: bool = False
    breast: Box | None = None  # in pixels of `pixels`
    chest_wall: Edge | None = None  # the edge of `pixels` where the chest wall lies
    reduction: float = 1.0  # original pixels per pixel of `pixels`
    heat: NDArray[np.uint8] | None = None  # of any size; covers the whole frame
    boxes: tuple[RegionBox, ...] = ()
    truth: tuple[RegionBox, ...] = ()  # what is known to lie there; shown when asked for
    facts: tuple[tuple[str, str], ...] = ()  # what may be shown of the file, by name
    note: str = ""  # one short line under the title, such as a score with its model
    faint: str = ""  # said in the corner while the heatmap is shown, where that is faint


def with_truth(pane: Pane, boxes: Sequence[Box]) -> Pane:
    """`pane` with what is known to lie at `boxes`, in pixels of the original."""
    scaled = ((box.x0, box.y0, box.x1, box.y1) for box in boxes)
    edges = [[edge / pane.reduction for edge in one] for one in scaled]
    known = tuple(RegionBox(x0=x0, y0=y0, x1=x1, y1=y1, text="known") for x0, y0, x1, y1 in edges)
    return replace(pane, truth=known)


_ROWS: Final = (View.CC, View.MLO)
_COLUMNS: Final = (Laterality.RIGHT, Laterality.LEFT)
_INNER_EDGE: Final[dict[str, Edge]] = {Laterality.RIGHT: "right", Laterality.LEFT: "left"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place on the screen: a pane, or the name of the image that is missing there."""

    row: int
    column: int
    pane: Pane | None
    missing: str = ""
    anchor: Edge | None = None  # the edge of the cell the image is hung against
    is_mirrored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneLayout:
    cells: tuple[Cell, ...]
    strip: tuple[Pane, ...] = ()  # further views, small, below


def side_by_side(panes: Sequence[Pane], *, columns: int = 0) -> PaneLayout:
    """In the order given, nothing mirrored: one row, or rows of `columns`."""
    across = columns or len(panes)
    return PaneLayout(
        cells=tuple(
            Cell(row=place // across, column=place % across, pane=pane)
            for place, pane in enumerate(panes)
        )
    )


def hang(panes: Sequence[Pane]) -> PaneLayout:
    """The four views as radiologists hang them; a lone breast or view takes the whole width."""
    standard: dict[tuple[str, str], Pane] = {}
    for pane in panes:
        if pane.side in _COLUMNS and pane.view in _ROWS:
            standard.setdefault((str(pane.side), str(pane.view)), pane)
    hung = {pane.key for pane in standard.values()}
    extra = tuple(pane for pane in panes if pane.key not in hung)
    if len({side for side, _ in standard}) < 2:
        return (
            side_by_side(panes)
            if len(panes) <= 4
            else PaneLayout(cells=side_by_side(panes[:4]).cells, strip=tuple(panes[4:]))
        )
    rows = [view for view in _ROWS if any(view == found for _, found in standard)]
    cells = tuple(
        _cell(standard.get((side, view)), row=row, column=column, name=f"{side}-{view}", side=side)
        for row, view in enumerate(rows)
        for column, side in enumerate(_COLUMNS)
    )
    return PaneLayout(cells=cells, strip=extra)


def _cell(pane: Pane | None, *, row: int, column: int, name: str, side: str) -> Cell:
    inner = _INNER_EDGE[side]
    if pane is None:
        return Cell(row=row, column=column, pane=None, missing=f"no {name}")
    return Cell(
        row=row,
        column=column,
        pane=pane,
        anchor=inner,
        is_mirrored=pane.chest_wall is not None and pane.chest_wall != inner,
    )
