"""ROC curves, one or several, with an operating point on them. Hovering shows the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mammo_core.metrics.threshold import OperatingPoint
from mammo_core.metrics.uncertainty import Rate
from mammo_core.plots.style import DASHES, INK, MUTED, PALETTE, figure

_MOST_CORNERS: Final = 1000  # more cannot be seen and slow the browser down


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedCurve:
    """A curve of metrics/curves.py and the name it carries in the legend."""

    name: str
    curve: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPoint:
    """A reader's own sensitivity and specificity, each with its interval."""

    name: str
    sensitivity: Rate
    specificity: Rate


def roc_figure(
    curves: Sequence[NamedCurve],
    *,
    point: OperatingPoint | None = None,
    readers: Sequence[ReaderPoint] = (),
) -> go.Figure:
    """Sensitivity against 1 - specificity, with the diagonal of guessing."""
    drawing = figure(x_title="1 - specificity", y_title="Sensitivity (recall)")
    drawing.update_xaxes(range=[-0.01, 1.01])
    drawing.update_yaxes(range=[-0.01, 1.01])
    drawing.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="guessing", hoverinfo="skip",
        line={"color": MUTED, "dash": "dot", "width": 1},
    )  # fmt: skip
    for number, named in enumerate(curves):
        curve = thinned(named.curve, "false_positive_rate", "sensitivity")
        drawing.add_scatter(
            x=curve["false_positive_rate"],
            y=curve["sensitivity"],
            customdata=curve["threshold"],
            mode="lines+markers",  # only markers can be clicked; they are there but not seen
            marker={"size": 8, "opacity": 0},
            name=named.name,
            line={
                "color": PALETTE[number % len(PALETTE)],
                "dash": DASHES[number // len(PALETTE) % len(DASHES)],
                "shape": "linear",
            },
            hovertemplate="threshold %{customdata:.3f}<br>sensitivity %{y:.1%}"
            "<br>1 - specificity %{x:.1%}<extra></extra>",
        )
    if point is not None:
        drawing.add_scatter(
            x=[1 - point.specificity], y=[point.sensitivity], mode="markers", name="chosen",
            marker={"color": INK, "size": 12, "symbol": "diamond"},
            hovertemplate=f"threshold {point.threshold:.3f}<extra>chosen</extra>",
        )  # fmt: skip
    for number, reader in enumerate(readers):
        _add_reader(drawing, reader, PALETTE[(number + 1) % len(PALETTE)])
    return drawing


def _add_reader(drawing: go.Figure, reader: ReaderPoint, colour: str) -> None:
    found, left = reader.sensitivity, reader.specificity
    drawing.add_scatter(
        x=[1 - left.value], y=[found.value], mode="markers", name=reader.name,
        marker={"color": colour, "size": 11, "symbol": "x"},
        error_x={
            "type": "data", "symmetric": False, "thickness": 1,
            "array": [left.value - left.low], "arrayminus": [left.high - left.value],
        },
        error_y={
            "type": "data", "symmetric": False, "thickness": 1,
            "array": [found.high - found.value], "arrayminus": [found.value - found.low],
        },
        hovertemplate=f"sensitivity {found.value:.1%} ({found.low:.1%} to {found.high:.1%})"
        f"<br>specificity {left.value:.1%} ({left.low:.1%} to {left.high:.1%})"
        "<extra>%{fullData.name}</extra>",
    )  # fmt: skip


def thinned(curve: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """At most a thousand rows, evenly along the curve's length; both ends are kept."""
    if len(curve) <= _MOST_CORNERS:
        return curve
    steps = np.abs(np.diff(curve[x])) + np.abs(np.diff(curve[y]))
    length = np.concatenate(([0.0], np.cumsum(steps)))
    wanted = np.linspace(0.0, length[-1], _MOST_CORNERS)
    rows = np.unique(np.append(np.searchsorted(length, wanted), [0, len(curve) - 1]))
    return curve.take(np.clip(rows, 0, len(curve) - 1))
