"""What the viewer's script is told: where each image hangs, its words, its pixels and heatmap."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import NDArray

from mammo_core.types import Box, Window
from pages.components import wire
from pages.components.viewer.hanging import Cell, Layout
from pages.components.viewer.pane import Pane, RegionBox


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


def _cell(cell: Cell, units: dict[str, float], buffers: list[NDArray[Any]]) -> dict[str, Any]:
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
        "boxes": [[box.x0, box.y0, box.x1, box.y1, box.text] for box in pane.boxes],
    }


def _name(pane: Pane) -> str:
    return " ".join(part for part in (pane.side, pane.view) if part) or pane.title


def _notes(pane: Pane) -> list[str]:
    return [line for line in (pane.title, pane.note) if line and line != _name(pane)]


def _full_range(pane: Pane) -> Window:
    low, high = float(pane.pixels.min()), float(pane.pixels.max())
    return Window(name="Full range", low=low, high=max(high, low + 1))
