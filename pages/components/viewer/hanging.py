"""Where each image hangs: the right breast on the left of the screen, chest walls back to back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mammo_core.types import Laterality, View
from pages.components.viewer.pane import Edge, Pane

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
class Layout:
    cells: tuple[Cell, ...]
    strip: tuple[Pane, ...] = ()  # further views, small, below


def side_by_side(panes: Sequence[Pane], *, columns: int = 0) -> Layout:
    """In the order given, nothing mirrored: one row, or rows of `columns`."""
    across = columns or len(panes)
    return Layout(
        cells=tuple(
            Cell(row=place // across, column=place % across, pane=pane)
            for place, pane in enumerate(panes)
        )
    )


def hang(panes: Sequence[Pane]) -> Layout:
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
            else Layout(cells=side_by_side(panes[:4]).cells, strip=tuple(panes[4:]))
        )
    rows = [view for view in _ROWS if any(view == found for _, found in standard)]
    cells = tuple(
        _cell(standard.get((side, view)), row=row, column=column, name=f"{side}-{view}", side=side)
        for row, view in enumerate(rows)
        for column, side in enumerate(_COLUMNS)
    )
    return Layout(cells=cells, strip=extra)


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
