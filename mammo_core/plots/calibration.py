"""Reliability: the score of each bin against the share of cancers in it."""

from collections.abc import Mapping

import plotly.graph_objects as go

from mammo_core.metrics.calibration import Calibration
from mammo_core.plots.style import DASHES, MUTED, PALETTE, figure


def reliability_figure(models: Mapping[str, Calibration]) -> go.Figure:
    """On the diagonal, scores are probabilities at this set's prevalence."""
    drawing = figure(x_title="Mean score", y_title="Share with cancer")
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
            "cancer<br>95 % %{customdata[2]:.1%} to %{customdata[3]:.1%}<extra></extra>",
        )
    drawing.update_xaxes(range=[-0.01, 1.01])
    drawing.update_yaxes(range=[-0.01, 1.01])
    return drawing
