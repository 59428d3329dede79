"""Net benefit over thresholds, against calling everybody and calling nobody."""

import pandas as pd
import plotly.graph_objects as go

from mammo_core.plots.style import DASHES, MUTED, PALETTE, figure

_LINES = (
    ("model", "by the model", PALETTE[0], DASHES[0]),
    ("everybody", "call everybody", PALETTE[1], DASHES[1]),
    ("nobody", "call nobody", MUTED, DASHES[2]),
)


def decision_figure(curve: pd.DataFrame) -> go.Figure:
    """The highest line at a threshold is the best thing to do there."""
    drawing = figure(
        x_title="Probability from which a woman is called", y_title="Net benefit per 1,000 women"
    )
    for column, name, colour, dash in _LINES:
        drawing.add_scatter(
            x=curve["threshold"], y=1000 * curve[column], mode="lines", name=name,
            line={"color": colour, "dash": dash},
            hovertemplate="at %{x:.2%}: %{y:.2f} per 1,000<extra></extra>",
        )  # fmt: skip
    best = 1000 * float(curve[["model", "everybody"]].max().max())
    drawing.update_yaxes(range=[-0.25 * best, 1.1 * best])
    drawing.update_xaxes(tickformat=".1%")
    return drawing
