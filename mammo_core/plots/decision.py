"""Net benefit over thresholds, against calling everybody and calling nobody."""

import pandas as pd
import plotly.graph_objects as go

from mammo_core.plots.style import DASHES, MUTED, PALETTE, figure
from mammo_core.types import Level
from mammo_core.words import UNITS

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
    best = 1000 * float(curve[["model", "everybody"]].max().max())
    drawing.update_yaxes(range=[-0.25 * best, 1.1 * best])
    drawing.update_xaxes(tickformat=".1%")
    return drawing
