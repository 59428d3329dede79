"""Figures of many things side by side: parts of the cases, models against data sets, cost against
AUC, counts of a data set.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from mammo_core.metrics.subgroups import Slice
from mammo_core.metrics.uncertainty import Estimate
from mammo_core.plots.style import INK, MUTED, PALETTE, WITH_CANCER, WITHOUT_CANCER, figure
from mammo_core.words import CANCERS, CalledFor


def forest_figure(
    slices: Sequence[Slice], *, overall: float, finding: CalledFor = CANCERS
) -> go.Figure:
    """AUC per part, the whole's AUC as a line through them."""
    drawing = figure(x_title="AUC", y_title="", height=120 + 36 * len(slices))
    for part in slices:
        if part.auc is None:
            continue
        colour = MUTED if part.is_small else PALETTE[0]
        drawing.add_scatter(
            x=[part.auc.value],
            y=[part.name],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [part.auc.high - part.auc.value],
                "arrayminus": [part.auc.value - part.auc.low],
                "color": colour,
            },
            mode="markers",
            marker={"color": colour, "size": 11, "symbol": "square"},
            showlegend=False,
            hovertemplate=f"AUC {part.auc.value:.3f}, 95 % {part.auc.low:.3f} to "
            f"{part.auc.high:.3f}<br>{part.auc.positives:,} with and {part.auc.negatives:,} "
            f"without {finding.one}<extra></extra>",
        )
    drawing.add_vline(
        x=overall, line={"color": MUTED, "dash": "dot"}, annotation_text="all",
        annotation_position="bottom right",
    )  # fmt: skip
    lowest = min([0.5, *(part.auc.low for part in slices if part.auc is not None)])
    drawing.update_xaxes(range=[lowest - 0.03, 1.01])
    drawing.update_yaxes(autorange="reversed", type="category")
    return drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownAuc:
    """What a model reaches that has learnt from so many women."""

    name: str
    women: int
    auc: Estimate


def growth_figure(points: Sequence[GrownAuc]) -> go.Figure:
    """AUC against women learnt from, each with its interval; twice as many is one step wide."""
    drawing = figure(x_title="Women learnt from", y_title="AUC")
    drawing.add_scatter(
        x=[point.women for point in points],
        y=[point.auc.value for point in points],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [point.auc.high - point.auc.value for point in points],
            "arrayminus": [point.auc.value - point.auc.low for point in points],
        },
        customdata=[
            (html.escape(point.name, quote=False), point.auc.low, point.auc.high)
            for point in points
        ],
        mode="markers",
        marker={"color": PALETTE[0], "size": 10},
        showlegend=False,
        hovertemplate="%{customdata[0]}<br>%{x:,} women: AUC %{y:.3f}, 95 % %{customdata[1]:.3f} "
        "to %{customdata[2]:.3f}<extra></extra>",
    )
    ticks = sorted({point.women for point in points})
    drawing.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{one:,}" for one in ticks])
    drawing.update_yaxes(range=[min([0.45, *(point.auc.low for point in points)]), 1.01])
    return drawing


_BEHIND_WORDS: Final = "rgba(20,20,20,0.85)"  # so that hatching does not cross them out
_ROW: Final = 108  # pixels
_FAINTEST, _STRONGEST = 0.1, 0.55  # how solid the filling is: words stay readable on it


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
                "line": {"color": MUTED, "width": 4 if square.is_own else 1},
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


_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up")  # told apart without colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A model's AUC with its interval, and a price with its range; equal ends where it is exact."""

    name: str
    auc: float
    auc_low: float
    auc_high: float
    price: float
    price_low: float
    price_high: float


def cost_figure(models: Sequence[Priced], *, title: str) -> go.Figure:
    """AUC over the price on a logarithmic axis: up and to the left is better."""
    drawing = figure(x_title=title, y_title="AUC")
    for number, model in enumerate(models):
        colour = PALETTE[number % len(PALETTE)]
        drawing.add_scatter(
            x=[model.price],
            y=[model.auc],
            error_x=_bar(model.price, model.price_low, model.price_high),
            error_y=_bar(model.auc, model.auc_low, model.auc_high),
            mode="markers",
            name=model.name,
            marker={
                "color": colour,
                "size": 12,
                "symbol": _SYMBOLS[number // len(PALETTE) % len(_SYMBOLS)],
            },
            hovertemplate=f"AUC {model.auc:.3f}, 95 % {model.auc_low:.3f} to {model.auc_high:.3f}"
            f"<br>{title}: %{{x:,.4g}}<extra>%{{fullData.name}}</extra>",
        )
    drawing.update_xaxes(type="log")
    return drawing


def _bar(value: float, low: float, high: float) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "array": [high - value], "arrayminus": [value - low],
        "thickness": 1,
    }  # fmt: skip


_COLOURS = {"positive": WITH_CANCER, "not positive": WITHOUT_CANCER, "no label": MUTED}
_PATTERNS = {"positive": "/", "not positive": "", "no label": "."}  # told apart without colour


def counts_figure(counts: pd.DataFrame, *, title: str) -> go.Figure:
    """`counts` of datasets.overview.counts_by."""
    drawing = figure(x_title=title, y_title="Images", height=280)
    for name, colour in _COLOURS.items():
        if counts[name].any():
            drawing.add_bar(
                x=counts["value"],
                y=counts[name],
                name=name,
                marker={"color": colour, "pattern": {"shape": _PATTERNS[name]}},
                hovertemplate="%{y} images, " + name + "<extra>%{x}</extra>",
            )
    drawing.update_layout(barmode="stack")
    drawing.update_xaxes(type="category")
    return drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What a model gives the cases: the column of the table, and where its threshold lies."""

    title: str
    column: str
    threshold: float | None = None


def agreement_figure(
    disagreements: pd.DataFrame, across: Axis, up: Axis, *, finding: CalledFor = CANCERS
) -> go.Figure:
    """Each case by what two models give it, on the line where both give the same; thresholds part
    those that a model calls. Cases can be encircled, and carry their ids.
    """
    drawing = figure(x_title=across.title, y_title=up.title, height=440)
    drawing.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": MUTED, "dash": "dot"},
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    drawing.update_xaxes(range=_room(disagreements, across))
    drawing.update_yaxes(range=_room(disagreements, up))
    line = {"color": MUTED, "dash": "dash", "width": 2}
    if across.threshold is not None:
        drawing.add_vline(
            x=across.threshold, line=line, annotation_text=f"threshold {across.threshold:.4g}",
            annotation_position="top right",
        )  # fmt: skip
    if up.threshold is not None:
        drawing.add_hline(
            y=up.threshold, line=line, annotation_text=f"threshold {up.threshold:.4g}",
            annotation_position="top right",
        )  # fmt: skip
    looks = (("without", WITHOUT_CANCER, "circle"), ("with", WITH_CANCER, "diamond"))
    for place, (kind, colour, symbol) in enumerate(looks):
        part = disagreements[disagreements["positive"] == bool(place)]
        drawing.add_scatter(
            x=part[across.column],
            y=part[up.column],
            customdata=part[["case_id"]].to_numpy(),
            mode="markers",
            name=html.escape(f"{kind} {finding.one} ({len(part):,})"),
            marker={"color": colour, "symbol": symbol, "size": 8, "opacity": 0.75},
            hovertemplate="%{customdata[0]}<br>%{x:.4g} against %{y:.4g}<extra></extra>",
        )
    drawing.update_layout(dragmode="lasso")
    return drawing


def _room(table: pd.DataFrame, axis: Axis) -> tuple[float, float]:
    """The points and the threshold, with a little room around them."""
    shown = [*table[axis.column], *([] if axis.threshold is None else [axis.threshold])]
    low, high = min(shown), max(shown)
    room = 0.05 * (high - low) or 0.05
    return low - room, high + room


def histogram_figure(values: NDArray[np.floating[Any]], *, title: str) -> go.Figure:
    """How numbers are spread, small; binned here, so that a million of them stay in Python."""
    counts, edges = np.histogram(values, bins=min(40, max(1, len(np.unique(values)))))
    drawing = figure(x_title=title, y_title="rows", height=200)
    drawing.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        marker={"color": PALETTE[0]},
        hovertemplate="%{x:.4g}: %{y:,} rows<extra></extra>",
    )
    return drawing


_MOST_SHAPES: Final = 4000  # points drawn one by one; more are left to the graphics card


def map_figure(
    points: pd.DataFrame, *, by: str, title: str, shares: tuple[float, float] | None
) -> go.Figure:
    """`points` has `x`, `y`, `image_id` and the column `by`: numbers become a scale, words colours
    and shapes. A missing value is drawn as "not known". Without `shares` the axes mean nothing.
    """
    names = ("t-SNE, no unit", "")
    if shares is not None:
        first, second = shares
        names = (f"first axis ({first:.0%} of the differences)", f"second axis ({second:.0%})")
    drawing = figure(x_title=names[0], y_title=names[1], height=520)
    trace = go.Scattergl if len(points) > _MOST_SHAPES else go.Scatter
    if pd.api.types.is_float_dtype(points[by]):
        parts = [(title, points)]
    else:
        named = points[by].astype("string").fillna("not known")
        parts = [(str(name), points[named == name]) for name in sorted(named.unique())]
    for number, (name, part) in enumerate(parts):
        marker: dict[str, Any] = {"size": 7, "opacity": 0.8}
        if pd.api.types.is_float_dtype(points[by]):
            marker |= {
                "color": part[by], "colorscale": "Viridis", "colorbar": {"title": {"text": title}}
            }  # fmt: skip
        else:
            colour = PALETTE[number % len(PALETTE)]
            if by == "label" and len(parts) == 2:
                colour = (
                    WITH_CANCER if part["positive"].fillna(value=False).any() else WITHOUT_CANCER
                )
            marker |= {
                "color": colour,
                "symbol": _SHAPES[number // len(PALETTE) % len(_SHAPES)],
            }
        drawing.add_trace(
            trace(
                x=part["x"], y=part["y"], mode="markers", name=html.escape(name), marker=marker,
                customdata=part["image_id"], showlegend=len(parts) > 1,
                text=[html.escape(str(one)) for one in part["image_id"]],
                hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    drawing.update_layout(dragmode="lasso")
    return drawing


_SHAPES: Final = ("circle", "square", "diamond", "cross", "x", "triangle-up")
