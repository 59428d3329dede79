"""Figures of one model or several over the same cases: ROC, precision-recall, rates by threshold,
reliability, net benefit, and the four outcomes at a threshold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mammo_core.metrics.calibration import Calibration
from mammo_core.metrics.threshold import OperatingPoint
from mammo_core.metrics.uncertainty import Rate
from mammo_core.plots.style import (
    CHOSEN,
    DASHES,
    MUTED,
    PALETTE,
    WITH_CANCER,
    WITHOUT_CANCER,
    figure,
)
from mammo_core.types import Level
from mammo_core.words import CANCERS, UNITS, CalledFor

_MOST_CORNERS: Final = 1000  # more cannot be seen and slow the browser down
_CHOSEN_NAME: Final = "chosen"


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
            mode="markers", name=_CHOSEN_NAME,
            marker=CHOSEN, cliponaxis=False,  # whole at a sensitivity of 1
        )  # fmt: skip
        move_chosen(drawing, point)
    for number, reader in enumerate(readers):
        _add_reader(drawing, reader, PALETTE[(number + 1) % len(PALETTE)])
    return drawing


def move_chosen(drawing: go.Figure, point: OperatingPoint) -> None:
    """To move the point of a `roc_figure` takes a fraction of the time of drawing it anew."""
    drawing.update_traces(
        selector={"name": _CHOSEN_NAME},
        x=[1 - point.specificity],
        y=[point.sensitivity],
        hovertemplate=f"threshold {point.threshold:.3f}<extra>chosen</extra>",
    )


def froc_figure(curve: pd.DataFrame, points: pd.DataFrame) -> go.Figure:
    """Lesions found against false marks an image. `curve` has `false_marks` and `sensitivity`;
    `points`, which carry intervals, `allowed`, `sensitivity`, `low` and `high`.
    """
    drawing = figure(x_title="False marks an image", y_title="Lesions found (sensitivity)")
    drawing.update_xaxes(range=[0, 1.05 * points["allowed"].max()])
    drawing.update_yaxes(range=[-0.01, 1.01])
    # Behind the last mark nothing changes: the curve runs on to the last point told of.
    ends = [points["allowed"].max()], [curve["sensitivity"].iloc[-1]]
    is_short = bool(curve["false_marks"].iloc[-1] < ends[0][0])
    drawing.add_scatter(
        x=[*curve["false_marks"], *(ends[0] if is_short else ())],
        y=[*curve["sensitivity"], *(ends[1] if is_short else ())],
        mode="lines", name="all thresholds",
        line={"color": PALETTE[0], "shape": "hv"},
        hovertemplate="%{y:.1%} of lesions<br>%{x:.2f} false marks an image<extra></extra>",
    )  # fmt: skip
    drawing.add_scatter(
        x=points["allowed"], y=points["sensitivity"], mode="markers", name="with 95 % intervals",
        marker={"color": PALETTE[1], "size": 9},
        error_y={
            "type": "data", "symmetric": False, "thickness": 1,
            "array": points["high"] - points["sensitivity"],
            "arrayminus": points["sensitivity"] - points["low"],
        },
        customdata=points[["low", "high"]],
        hovertemplate="%{y:.1%} of lesions (%{customdata[0]:.1%} to %{customdata[1]:.1%})"
        "<br>at %{x:g} false marks an image<extra></extra>",
    )  # fmt: skip
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


def pr_figure(
    curves: Sequence[NamedCurve],
    *,
    prevalence: float,
    point: OperatingPoint | None = None,
    finding: CalledFor = CANCERS,
) -> go.Figure:
    """`curves` of metrics.curves.pr_curve. Guessing has the prevalence as its PPV everywhere."""
    drawing = figure(
        x_title="Sensitivity (recall)",
        y_title=f"PPV (precision) where {prevalence:.1%} have {finding.one}",
    )
    drawing.update_xaxes(range=[-0.01, 1.01])
    drawing.update_yaxes(range=[-0.01, 1.01])
    drawing.add_scatter(
        x=[0, 1], y=[prevalence, prevalence], mode="lines", name="guessing", hoverinfo="skip",
        line={"color": MUTED, "dash": "dot", "width": 1},
    )  # fmt: skip
    for number, named in enumerate(curves):
        curve = thinned(named.curve, "sensitivity", "ppv")
        drawing.add_scatter(
            x=curve["sensitivity"],
            y=curve["ppv"],
            customdata=curve["threshold"],
            mode="lines+markers",
            marker={"size": 8, "opacity": 0},  # for the click, as on the ROC
            name=named.name,
            line={
                "color": PALETTE[number % len(PALETTE)],
                "dash": DASHES[number // len(PALETTE) % len(DASHES)],
            },
            hovertemplate="threshold %{customdata:.3f}<br>sensitivity %{x:.1%}"
            "<br>PPV %{y:.1%}<extra></extra>",
        )
    if point is not None and point.called:
        drawing.add_scatter(
            x=[point.sensitivity], y=[point.ppv], mode="markers", name="chosen",
            marker=CHOSEN,
            hovertemplate=f"threshold {point.threshold:.3f}<extra>chosen</extra>",
        )  # fmt: skip
    return drawing


_RATES = (
    ("sensitivity", "sensitivity (recall)", WITH_CANCER, DASHES[0]),
    ("specificity", "specificity", WITHOUT_CANCER, DASHES[1]),
)


def band_figure(bands: pd.DataFrame, *, threshold: float) -> go.Figure:
    """`bands` of metrics.curves.rate_bands."""
    drawing = figure(x_title="Threshold", y_title="Rate")
    x = bands["threshold"].to_numpy()
    for column, name, colour, dash in _RATES:
        high, low = bands[f"{column}_high"].to_numpy(), bands[f"{column}_low"].to_numpy()
        drawing.add_scatter(
            x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself",
            fillcolor=colour, opacity=0.2, line={"width": 0}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        drawing.add_scatter(
            x=x, y=bands[column], mode="lines", name=name, line={"color": colour, "dash": dash},
            customdata=np.column_stack([low, high]),
            hovertemplate="%{y:.1%} at %{x:.3f}<br>95 % %{customdata[0]:.1%} to "
            "%{customdata[1]:.1%}<extra></extra>",
        )  # fmt: skip
    drawing.add_vline(x=threshold, line={"color": MUTED, "dash": "dash"})
    drawing.update_yaxes(range=[-0.01, 1.01], tickformat=".0%")
    return drawing


def reliability_figure(
    models: Mapping[str, Calibration],
    *,
    smooth: pd.DataFrame | None = None,
    finding: CalledFor = CANCERS,
) -> go.Figure:
    """On the diagonal, scores are probabilities at this set's prevalence. `smooth` is the curve of
    one model by metrics.smooth, drawn with its band.
    """
    drawing = figure(x_title="Mean score", y_title=f"Share with {finding.one}")
    drawing.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="a probability", hoverinfo="skip",
        line={"color": MUTED, "dash": "dot", "width": 1},
    )  # fmt: skip
    for number, (name, calibration) in enumerate(models.items()):
        bins = calibration.bins
        drawing.add_scatter(
            x=bins["score"],
            y=bins["share"],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": bins["high"] - bins["share"],
                "arrayminus": bins["share"] - bins["low"],
            },
            customdata=bins[["positives", "cases", "low", "high"]],
            mode="lines+markers",
            name=name,
            line={
                "color": PALETTE[number % len(PALETTE)],
                "dash": DASHES[number // len(PALETTE) % len(DASHES)],
            },
            hovertemplate="mean score %{x:.3f}<br>%{customdata[0]:,} of %{customdata[1]:,} with "
            f"{finding.one}<br>"
            "95 % %{customdata[2]:.1%} to %{customdata[3]:.1%}<extra></extra>",
        )
    if smooth is not None:
        _add_band(drawing, smooth["score"], smooth, WITHOUT_CANCER)
        drawing.add_scatter(
            x=smooth["score"], y=smooth["share"], mode="lines", name="smooth, with 95 % band",
            line={"color": WITHOUT_CANCER, "dash": DASHES[1]}, customdata=smooth[["low", "high"]],
            hovertemplate=f"score %{{x:.3f}}<br>%{{y:.1%}} with {finding.one}<br>"
            "95 % %{customdata[0]:.1%} to %{customdata[1]:.1%}<extra></extra>",
        )  # fmt: skip
    drawing.update_xaxes(range=[-0.01, 1.01])
    drawing.update_yaxes(range=[-0.01, 1.01])
    return drawing


def _add_band(
    drawing: go.Figure, x: "pd.Series[float]", ends: pd.DataFrame, colour: str, *, times: float = 1
) -> None:
    """The space between `low` and `high`."""
    drawing.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=times * np.concatenate([ends["high"], ends["low"][::-1]]),
        fill="toself", fillcolor=colour, opacity=0.2, line={"width": 0}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


_LINES = (
    ("model", "by the model", PALETTE[0], DASHES[0]),
    ("everybody", "call all", PALETTE[1], DASHES[1]),
    ("nobody", "call none", MUTED, DASHES[2]),
)


def decision_figure(curve: pd.DataFrame, level: Level) -> go.Figure:
    """The highest line at a threshold is the best thing to do there. `level` is what is called."""
    one, more = UNITS[level]
    article = "an" if one[0] in "aeiou" else "a"
    drawing = figure(
        x_title=f"Probability from which {article} {one} is called",
        y_title=f"Net benefit per 1,000 {more}",
    )
    for column, name, colour, dash in _LINES:
        drawing.add_scatter(
            x=curve["threshold"], y=1000 * curve[column], mode="lines", name=name,
            line={"color": colour, "dash": dash},
            hovertemplate="at %{x:.2%}: %{y:.2f} per 1,000<extra></extra>",
        )  # fmt: skip
    _add_band(drawing, curve["threshold"], curve, PALETTE[0], times=1000)
    best = 1000 * float(curve[["model", "everybody"]].max().max())
    drawing.update_yaxes(range=[-0.25 * best, 1.1 * best])
    drawing.update_xaxes(tickformat=".1%")
    return drawing
