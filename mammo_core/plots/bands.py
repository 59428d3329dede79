"""Sensitivity and specificity over the thresholds, each with its interval at every threshold."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mammo_core.plots.style import DASHES, INK, WITH_CANCER, WITHOUT_CANCER, figure

_RATES = (
    ("sensitivity", "sensitivity (recall)", WITH_CANCER, DASHES[0]),
    ("specificity", "specificity", WITHOUT_CANCER, DASHES[1]),
)


def band_figure(bands: pd.DataFrame, *, threshold: float) -> go.Figure:
    """`bands` of metrics.uncertainty.rate_bands."""
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
    drawing.add_vline(x=threshold, line={"color": INK, "dash": "dash"})
    drawing.update_yaxes(range=[-0.01, 1.01], tickformat=".0%")
    return drawing
