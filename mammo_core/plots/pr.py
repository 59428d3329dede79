"""Precision-recall curves: PPV against sensitivity, at the prevalence of the set."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mammo_core.metrics.threshold import OperatingPoint
from mammo_core.plots.roc import NamedCurve, thinned
from mammo_core.plots.style import DASHES, INK, MUTED, PALETTE, figure


def pr_figure(
    curves: Sequence[NamedCurve], *, prevalence: float, point: OperatingPoint | None = None
) -> go.Figure:
    """`curves` of metrics.curves.pr_curve. Guessing has the prevalence as its PPV everywhere."""
    drawing = figure(
        x_title="Sensitivity (recall)",
        y_title=f"PPV (precision) where {prevalence:.1%} have cancer",
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
            marker={"color": INK, "size": 12, "symbol": "diamond"},
            hovertemplate=f"threshold {point.threshold:.3f}<extra>chosen</extra>",
        )  # fmt: skip
    return drawing
