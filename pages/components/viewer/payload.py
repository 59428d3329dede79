"""What the viewer's script is told: where each image hangs, its words, its pixels and heatmap."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Window
from pages.components import wire
from pages.components.viewer.hanging import Cell, Layout
from pages.components.viewer.pane import Pane

_LONGEST_HEAT: Final = 512  # cells; finer than any heatmap means, and four travel with an exam


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """The words beside the colour bar: what the heatmap is, and what its two ends mean."""

    text: str = "Heatmap"
    low_text: str = "low"
    high_text: str = "high"


def pack(layout: Layout, *, height: int, legend: Legend) -> bytes:
    """The browser takes the buffers in the order of the cells: pixels, then heat if there is."""
    buffers: list[NDArray[Any]] = []
    panes = [cell.pane for cell in layout.cells if cell.pane] + list(layout.strip)
    units = _units(panes)
    cells = [_cell(cell, units, buffers) for cell in layout.cells]
    strip = [
        _cell(Cell(row=0, column=column, pane=pane), units, buffers)
        for column, pane in enumerate(layout.strip)
    ]
    header = {"height": height, "legend": asdict(legend), "cells": cells, "strip": strip}
    return wire.pack(header, buffers)


def _units(panes: Sequence[Pane]) -> dict[str, float]:
    """How large one pixel of each pane is, in a unit all panes share."""
    if all(pane.spacing_mm for pane in panes):
        return {pane.key: float(pane.spacing_mm or 1) for pane in panes}
    if all(pane.breast_height for pane in panes):
        return {pane.key: 1 / float(pane.breast_height or 1) for pane in panes}
    return {pane.key: 1 / pane.pixels.shape[0] for pane in panes}


def _cell(cell: Cell, units: dict[str, float], buffers: list[NDArray[Any]]) -> dict[str, Any]:
    place = {"row": cell.row, "column": cell.column, "missing": cell.missing}
    pane = cell.pane
    if pane is None:
        return {**place, "key": cell.missing}
    buffers.append(pane.pixels)
    heat = None if pane.heat is None else _reduced(pane.heat)
    if heat is not None:
        buffers.append(heat)
    return {
        **place,
        "key": pane.key,
        "name": _name(pane),
        "notes": _notes(pane),
        "anchor": cell.anchor,
        "isMirrored": cell.is_mirrored,
        "size": pane.pixels.shape,
        "heatSize": None if heat is None else heat.shape,
        "windows": [asdict(window) for window in pane.windows or (_full_range(pane),)],
        "unit": units[pane.key],
        "spacingMm": pane.spacing_mm,
        "isAtDetector": pane.is_spacing_at_detector,
        "reduction": pane.reduction,
        "boxes": [[box.x0, box.y0, box.x1, box.y1, box.text] for box in pane.boxes],
    }


def _name(pane: Pane) -> str:
    return " ".join(part for part in (pane.side, pane.view) if part) or pane.title


def _notes(pane: Pane) -> list[str]:
    return [line for line in (pane.title, pane.note) if line and line != _name(pane)]


def _full_range(pane: Pane) -> Window:
    low, high = float(pane.pixels.min()), float(pane.pixels.max())
    return Window(name="Full range", low=low, high=max(high, low + 1))


def _reduced(heat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`heat` as means over blocks, where it has more cells than the eye has use for."""
    result = heat.astype(np.float32)
    for axis, length in enumerate(heat.shape):
        cells = min(length, _LONGEST_HEAT)
        edges = np.linspace(0, length, cells + 1).astype(int)
        sums = np.add.reduceat(result, edges[:-1], axis=axis)
        result = sums / np.expand_dims(np.diff(edges), 1 - axis)
    return np.asarray(np.rint(result), dtype=np.uint8)
