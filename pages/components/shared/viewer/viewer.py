"""The image viewer: one or several mammograms on canvases, with linked zoom, window and heatmap.
The message that tells the browser, and what comes back from there.
"""

import json
import secrets
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime import get_instance

from mammo_core.types import Box, Laterality, View, Window
from pages.components.shared.viewer.hanging import (
    Cell,
    Pane,
    PaneLayout,
    RegionBox,
    hang,
    side_by_side,
)
from pages.components.shared.whose import visitor

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderBox:
    """A box the reader drew, in pixels of the pane."""

    pane: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What the reader says one image is; both as they are to be, one of them as it was."""

    pane: str
    side: Laterality | None
    view: View | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerResult:
    drawn: tuple[ReaderBox, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """The words beside the colour bar: what the heatmap is, what its two ends mean, and what is
    said of it in a sentence.
    """

    text: str = "Heatmap"
    low_text: str = "low"
    high_text: str = "high"
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    """What the images are of. Under its id the browser keeps what is measured on them; a click on
    another case of the list that it stands in exchanges them.
    """

    case_id: str = ""
    list: str = ""  # the key of that list ...
    key: str = ""  # ... and of the case in it


_LEAST_HALVED: Final = 256


def pack(
    layout: PaneLayout,
    *,
    height: int,
    legend: Legend,
    is_filling: bool = False,
    settled: Mapping[str, int] | None = None,
    shown: ShownCase | None = None,
    forgotten: Mapping[str, str] | None = None,
) -> bytes:
    """The browser takes the buffers in the order of the cells: pixels, then heat if there is.
    `settled` says per pane which choice was applied last; without it there are no chips. What is
    kept in the browser of cases that are `forgotten`, each by a mark of its own, is deleted there.
    """
    buffers: list[NDArray[Any]] = []
    panes = [cell.pane for cell in layout.cells if cell.pane] + list(layout.strip)
    units = _units(panes)
    cells = [_cell_message(cell, units, buffers) for cell in layout.cells]
    strip = [
        _cell_message(Cell(row=0, column=column, pane=pane), units, buffers)
        for column, pane in enumerate(layout.strip)
    ]
    header = {
        "height": height,
        "isFilling": is_filling,
        "legend": asdict(legend),
        "cells": cells,
        "strip": strip,
        "settled": settled,
        "shown": asdict(shown or ShownCase()),
        "forgotten": list((forgotten or {}).items()),
        "visitor": one.folder if (one := visitor()) else "",
    }
    return pack_message(header, buffers)


def overview_of(pane: Pane) -> NDArray[np.uint16]:
    """What is sent first: half the pixels a side where more can be asked for later."""
    pixels = pane.pixels
    if pane.full is None or min(pixels.shape) < _LEAST_HALVED:
        return pixels
    height, width = (side // 2 for side in pixels.shape)
    blocks = pixels[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return np.asarray((blocks.sum(axis=(1, 3), dtype=np.uint32) + 2) >> 2, dtype=np.uint16)


def frame_of(pane: Pane) -> tuple[float, float]:
    """Height and width that `pixels` stand for, in their own pixels: whole ones of the original
    divided, so that each of those is as wide as it is high.
    """
    height, width = (pane.pixels if pane.full is None else pane.full).shape
    reduction = 1.0 if pane.full is None else pane.reduction
    return height / reduction, width / reduction


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
        height, width = frame_of(pane)
        return 0.0, 0.0, width, height
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
    pixels = overview_of(pane)
    has_between = pixels is not pane.pixels and pane.reduction > 1
    buffers.append(pixels)
    if pane.heat is not None:
        buffers.append(pane.heat)
    return {
        **place,
        "key": pane.key,
        "name": _name(pane),
        "notes": _notes(pane),
        "anchor": cell.anchor,
        "isMirrored": cell.is_mirrored,
        "side": pane.side,
        "view": pane.view,
        "size": pixels.shape,
        "pixelsSize": pane.pixels.shape,
        "pixelsUrl": _serve(pane.pixels, name=f"{pane.key} reduced") if has_between else None,
        "frame": frame_of(pane),
        "fullSize": None if pane.full is None else pane.full.shape,
        "fullUrl": None if pane.full is None else _serve(pane.full, name=pane.key),
        "heatSize": None if pane.heat is None else pane.heat.shape,
        "windows": [asdict(window) for window in pane.windows or (_full_range(pane),)],
        "unit": units[pane.key],
        "focus": _focus(pane),
        "spacingMm": pane.spacing_mm,
        "isAtDetector": pane.is_spacing_at_detector,
        "reduction": pane.reduction,
        "boxes": [_edges(box) for box in pane.boxes],
        "truth": [_edges(box) for box in pane.truth],
        "facts": pane.facts,
        "faint": pane.faint,
    }


def _edges(box: RegionBox) -> list[Any]:
    return [box.x0, box.y0, box.x1, box.y1, box.text, box.is_round]


def _name(pane: Pane) -> str:
    return " ".join(part for part in (pane.side, pane.view) if part) or pane.title


def _notes(pane: Pane) -> list[str]:
    return [line for line in (pane.title, pane.note) if line and line != _name(pane)]


def _full_range(pane: Pane) -> Window:
    low, high = float(pane.pixels.min()), float(pane.pixels.max())
    return Window(name="Full range", low=low, high=max(high, low + 1))


__all__ = [
    "Correction",
    "Legend",
    "Pane",
    "ReaderBox",
    "RegionBox",
    "ShownCase",
    "ViewerResult",
    "forget_measures",
    "show_viewer",
]

_HERE: Final = Path(__file__).parent
_FORGOTTEN: Final = "measures_of_forgotten_cases"
#: Joined in this order into one module.
_SCRIPTS: Final = (
    "payload.js",
    "colours.js",
    "greyscale.js",
    "heatmap.js",
    "geometry.js",
    "tiles.js",
    "drawing.js",
    "shapes.js",
    "measures.js",
    "panes.js",
    "hanging.js",
    "toolbar.js",
    "help.js",
    "gestures.js",
    "actions.js",
    "waiting.js",
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
    is_filling: bool = False,
    columns: int = 0,
    legend: Legend | None = None,
    shown: ShownCase | None = None,
    on_corrected: Callable[[Correction], None] | None = None,
) -> ViewerResult:
    """Show `panes` hung as an exam, or in rows of `columns` in the order given.

    Keep `key` the same from case to case: the reader's zoom is reset with the images, but the
    heatmap's settings stay as the reader left them. `Pane.key` must differ between images.
    One that `is_filling` is as high as the window leaves room below its upper edge; `height` is
    for windows that leave too little.
    Where `on_corrected` is given, each pane has chips for side and view; it is called before the
    page runs again, once for each pane of which something else was said. Where it is
    told what is `shown`, rulers and regions stay while the tab is open, whatever page is looked at,
    and panes are empty from the moment another case is opened in its list.
    """
    if not panes:
        return ViewerResult()
    layout = side_by_side(panes, columns=columns) if columns else hang(panes)
    data = pack(
        layout,
        height=height,
        legend=legend or Legend(),
        is_filling=is_filling,
        settled=_settled(key, panes) if on_corrected else None,
        shown=shown,
        forgotten=st.session_state.get(_FORGOTTEN),
    )
    state = _COMPONENT(
        key=key,
        data=data,
        on_drawn_change=_nothing,
        on_chosen_change=lambda: _take_chosen(key, panes, on_corrected or _nothing),
        default={"drawn": {}, "chosen": {}},
    )
    return ViewerResult(drawn=_reader_boxes(state.drawn, panes))


def forget_measures(case_id: str) -> None:
    """The browser deletes the rulers and regions of the case with the next viewer that it shows,
    once: what is measured after that stays.
    """
    st.session_state.setdefault(_FORGOTTEN, {})[secrets.token_hex(8)] = case_id


def _serve(values: NDArray[np.uint16], *, name: str) -> str:
    """Where the browser finds `values`, in ranges: beside the pictures of `st.image`, and as long
    as this session shows them. They are not copied; those of a file are read when asked for.

    A component's own channel would have them wait until the page has run to its end.
    """
    little = np.ascontiguousarray(values, dtype="<u2")
    return get_instance().media_file_mgr.add(
        memoryview(little).cast("B"),  # type: ignore[arg-type]  # taken as bytes are
        "application/octet-stream",
        coordinates=f"viewer {name}",
        file_name=name,
    )


def _reader_boxes(drawn: Mapping[str, Any] | None, panes: Sequence[Pane]) -> tuple[ReaderBox, ...]:
    """The boxes on these panes; those drawn on earlier cases stay in the browser's memory."""
    found = {pane.key: (drawn or {}).get(pane.key) for pane in panes}
    return tuple(
        ReaderBox(pane=key, box=Box(x0=box[0], y0=box[1], x1=box[2], y1=box[3]))
        for key, box in found.items()
        if box
    )


def _take_chosen(
    key: str, panes: Sequence[Pane], on_corrected: Callable[[Correction], None]
) -> None:
    """The browser tells all that is chosen, every time: a click that finds the page still running
    is told again with the next. What was applied is known by its number.
    """
    chosen = st.session_state[key].chosen or {}
    applied = st.session_state.setdefault(_applied_key(key), {})
    for pane in panes:
        said = chosen.get(pane.key)
        if said is None or said["at"] <= applied.get(pane.key, 0):
            continue
        applied[pane.key] = said["at"]
        side, view = said["side"], said["view"]
        on_corrected(
            Correction(
                pane=pane.key,
                side=Laterality(side) if side else None,
                view=View(view) if view else None,
            )
        )


def _settled(key: str, panes: Sequence[Pane]) -> dict[str, int]:
    applied = st.session_state.get(_applied_key(key), {})
    return {pane.key: applied[pane.key] for pane in panes if pane.key in applied}


def _applied_key(key: str) -> str:
    return f"{key}_applied"


def _nothing(*_: object) -> None:
    """Streamlit lists a state on the result only where a callback is given."""
