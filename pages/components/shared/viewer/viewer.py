"""The image viewer: one or several mammograms on canvases, with linked zoom, window and heatmap.
Where each hangs (right breast on the left of the screen, chest walls back to back), and the message
that tells the browser.
"""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammo_core.types import Box, Laterality, View, Window

_ALIGNMENT: Final = 8
_LENGTH: Final = struct.Struct("<I")
_WIRE_SCRIPT: Final = Path(__file__).parent / "wire.js"


def pack_message(header: Mapping[str, Any], buffers: Sequence[NDArray[Any]]) -> bytes:
    """Little-endian, as every browser reads them; the header gains where each one starts."""
    parts = [_little_endian(buffer) for buffer in buffers]
    offsets, end = [], 0
    for part in parts:
        offsets.append(end)
        end += len(part) + -len(part) % _ALIGNMENT
    text = json.dumps({**header, "offsets": offsets}, allow_nan=False).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % _ALIGNMENT)
    padded = [part + b"\0" * (-len(part) % _ALIGNMENT) for part in parts]
    return b"".join([_LENGTH.pack(len(text)), text, *padded])


def join_scripts(folder: Path, names: Sequence[str]) -> str:
    """wire.js and then `names`, as the one module Streamlit takes per component."""
    scripts = (_WIRE_SCRIPT, *(folder / name for name in names))
    return "\n".join(script.read_text(encoding="utf-8") for script in scripts)


def _little_endian(buffer: NDArray[Any]) -> bytes:
    little = buffer.astype(buffer.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).tobytes()


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
    note: str = ""  # one short line under the title, such as a score with its model
    faint: str = ""  # said in the corner while the heatmap is shown, where that is faint


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderBox:
    """A box the reader drew, in pixels of the pane."""

    pane: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerResult:
    drawn: tuple[ReaderBox, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """The words beside the colour bar: what the heatmap is, and what its two ends mean."""

    text: str = "Heatmap"
    low_text: str = "low"
    high_text: str = "high"


def pack(layout: PaneLayout, *, height: int, legend: Legend) -> bytes:
    """The browser takes the buffers in the order of the cells: pixels, then heat if there is."""
    buffers: list[NDArray[Any]] = []
    panes = [cell.pane for cell in layout.cells if cell.pane] + list(layout.strip)
    units = _units(panes)
    cells = [_cell_message(cell, units, buffers) for cell in layout.cells]
    strip = [
        _cell_message(Cell(row=0, column=column, pane=pane), units, buffers)
        for column, pane in enumerate(layout.strip)
    ]
    header = {"height": height, "legend": asdict(legend), "cells": cells, "strip": strip}
    return pack_message(header, buffers)


def _units(panes: Sequence[Pane]) -> dict[str, float]:
    """How large one pixel of each pane is, in a unit all panes share."""
    if all(pane.spacing_mm for pane in panes):
        return {pane.key: float(pane.spacing_mm or 1) for pane in panes}
    heights = [pane.breast.y1 - pane.breast.y0 for pane in panes if pane.breast]
    if len(heights) < len(panes):
        heights = [float(pane.pixels.shape[0]) for pane in panes]
    return {pane.key: 1 / height for pane, height in zip(panes, heights, strict=True)}


def _focus(pane: Pane) -> tuple[float, float, float, float]:
    """What is in view at first: the breast, and every region even if it lies outside."""
    if pane.breast is None:
        height, width = pane.pixels.shape
        return 0.0, 0.0, float(width), float(height)
    parts: list[Box | RegionBox] = [pane.breast, *pane.boxes]
    return (
        min(part.x0 for part in parts),
        min(part.y0 for part in parts),
        max(part.x1 for part in parts),
        max(part.y1 for part in parts),
    )


def _cell_message(
    cell: Cell, units: dict[str, float], buffers: list[NDArray[Any]]
) -> dict[str, Any]:
    place = {"row": cell.row, "column": cell.column, "missing": cell.missing}
    pane = cell.pane
    if pane is None:
        return {**place, "key": cell.missing}
    buffers.append(pane.pixels)
    if pane.heat is not None:
        buffers.append(pane.heat)
    return {
        **place,
        "key": pane.key,
        "name": _name(pane),
        "notes": _notes(pane),
        "anchor": cell.anchor,
        "isMirrored": cell.is_mirrored,
        "size": pane.pixels.shape,
        "heatSize": None if pane.heat is None else pane.heat.shape,
        "windows": [asdict(window) for window in pane.windows or (_full_range(pane),)],
        "unit": units[pane.key],
        "focus": _focus(pane),
        "spacingMm": pane.spacing_mm,
        "isAtDetector": pane.is_spacing_at_detector,
        "reduction": pane.reduction,
        "boxes": [[box.x0, box.y0, box.x1, box.y1, box.text, box.is_round] for box in pane.boxes],
    }


def _name(pane: Pane) -> str:
    return " ".join(part for part in (pane.side, pane.view) if part) or pane.title


def _notes(pane: Pane) -> list[str]:
    return [line for line in (pane.title, pane.note) if line and line != _name(pane)]


def _full_range(pane: Pane) -> Window:
    low, high = float(pane.pixels.min()), float(pane.pixels.max())
    return Window(name="Full range", low=low, high=max(high, low + 1))


__all__ = ["Legend", "Pane", "ReaderBox", "RegionBox", "ViewerResult", "show_viewer"]

_HERE: Final = Path(__file__).parent
#: Joined in this order into one module.
_SCRIPTS: Final = (
    "payload.js",
    "colours.js",
    "greyscale.js",
    "heatmap.js",
    "geometry.js",
    "drawing.js",
    "panes.js",
    "toolbar.js",
    "gestures.js",
    "actions.js",
    "viewer.js",
)

_COMPONENT: Final = st.components.v2.component(
    "mammo_viewer",
    html='<div class="viewer" role="group" aria-label="Image viewer"></div>',
    css=(_HERE / "viewer.css").read_text(encoding="utf-8"),
    js=join_scripts(_HERE, _SCRIPTS),
)


def show_viewer(
    panes: Sequence[Pane],
    *,
    key: str,
    height: int = 640,
    columns: int = 0,
    legend: Legend | None = None,
    on_drawn: Callable[[], None] | None = None,
) -> ViewerResult:
    """Show `panes` hung as an exam, or in rows of `columns` in the order given.

    Keep `key` the same from case to case: the reader's zoom is reset with the images, but the
    heatmap's settings stay as the reader left them. `Pane.key` must differ between images.
    """
    if not panes:
        return ViewerResult()
    layout = side_by_side(panes, columns=columns) if columns else hang(panes)
    state = _COMPONENT(
        key=key,
        data=pack(layout, height=height, legend=legend or Legend()),
        on_drawn_change=on_drawn or _nothing,
        default={"drawn": {}},
    )
    return ViewerResult(drawn=_reader_boxes(state.drawn, panes))


def _reader_boxes(drawn: Mapping[str, Any] | None, panes: Sequence[Pane]) -> tuple[ReaderBox, ...]:
    """The boxes on these panes; those drawn on earlier cases stay in the browser's memory."""
    found = {pane.key: (drawn or {}).get(pane.key) for pane in panes}
    return tuple(
        ReaderBox(pane=key, box=Box(x0=box[0], y0=box[1], x1=box[2], y1=box[3]))
        for key, box in found.items()
        if box
    )


def _nothing() -> None:
    """Streamlit lists a state on the result only where a callback is given."""
