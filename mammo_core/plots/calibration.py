"""Reliability: the score of each bin against the share of cancers in it."""

import plotly.graph_objects as go

from mammo_core.metrics.calibration import Calibration
from mammo_core.plots.style import MUTED, PALETTE, figure


def reliability_figure(calibration: Calibration) -> go.Figure:
    """On the diagonal, scores are probabilities of this set's prevalence."""
    drawing = figure(x_title="Mean score", y_title="Share with cancer")
    bins = calibration.bins
    drawing.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="a probability", hoverinfo="skip",
        line={"color": MUTED, "dash": "dot", "width": 1},
    )  # fmt: skip
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
        name="bins of equally many cases",
        line={"color": PALETTE[0]},
        hovertemplate="mean score %{x:.3f}<br>%{customdata[0]:,} of %{customdata[1]:,} with cancer"
        "<br>95 % %{customdata[2]:.1%} to %{customdata[3]:.1%}<extra></extra>",
    )
    drawing.update_xaxes(range=[-0.01, 1.01])
    drawing.update_yaxes(range=[-0.01, 1.01])
    return drawing
