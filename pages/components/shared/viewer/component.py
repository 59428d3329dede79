"""The image viewer: one or several mammograms on canvases, with linked zoom, window and heatmap.

Everything the reader does to the picture happens in the browser; only a box drawn by the reader
is sent to the server.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from mammo_core.types import Box
from pages.components.shared.viewer.panes import (
    Legend,
    Pane,
    ReaderBox,
    RegionBox,
    ViewerResult,
    hang,
    pack,
    side_by_side,
)
from pages.components.shared.wire import join_scripts

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
