"""Checkpoints against data sets: one square each, hatched where the labels mean something else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from mammo_core.plots.style import INK, MUTED, figure

_BEHIND_WORDS: Final = "rgba(20,20,20,0.85)"  # so that hatching does not cross them out
_ROW: Final = 108  # pixels
_FAINTEST, _STRONGEST = 0.1, 0.75  # how solid the filling is


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """`lines` are written into the square; `share` (0 to 1) fills it, None leaves it empty.

    Plotly reads some HTML in `lines`, `row` and `column`: what a user named comes in escaped.
    """

    row: str
    column: str
    lines: tuple[str, ...]
    share: float | None = None
    is_hatched: bool = False
    is_own: bool = False  # of the data set that the model was trained on


def matrix_figure(squares: Sequence[Square]) -> go.Figure:
    """Rows and columns in the order in which they first appear; the first row on top."""
    rows = list(dict.fromkeys(square.row for square in squares))
    columns = list(dict.fromkeys(square.column for square in squares))
    drawing = figure(x_title="", y_title="", height=90 + _ROW * len(rows))
    for square in squares:
        x, y = columns.index(square.column), len(rows) - 1 - rows.index(square.row)
        drawing.add_bar(
            x=[x],
            y=[0.94],
            base=[y - 0.47],
            width=0.96,
            marker={
                "color": _fill(square.share),
                "line": {"color": INK, "width": 3}
                if square.is_own
                else {"color": MUTED, "width": 1},
                "pattern": {
                    "shape": "/" if square.is_hatched else "",
                    "fgcolor": MUTED,
                    "fgopacity": 0.5,
                    "size": 12,
                    "solidity": 0.12,
                },
            },
            showlegend=False,
            hoverinfo="skip",
        )
        drawing.add_annotation(
            x=x, y=y, text="<br>".join(square.lines), showarrow=False,
            font={"color": INK, "size": 12},
            bgcolor=_BEHIND_WORDS if square.is_hatched else None,
        )  # fmt: skip
    drawing.update_layout(barmode="overlay")
    drawing.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=columns, side="top", showgrid=False,
        range=[-0.5, len(columns) - 0.5], zeroline=False, fixedrange=True,
    )  # fmt: skip
    drawing.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=rows[::-1], showgrid=False,
        range=[-0.5, len(rows) - 0.5], zeroline=False, fixedrange=True,
    )  # fmt: skip
    return drawing


def _fill(share: float | None) -> str:
    """Okabe and Ito's blue, the more solid the higher the share."""
    solid = 0.0 if share is None else _FAINTEST + (_STRONGEST - _FAINTEST) * share
    return f"rgba(0,114,178,{solid:.2f})"
