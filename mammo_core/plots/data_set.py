"""Images of a data set by the values of one column, stacked by class."""

import pandas as pd
import plotly.graph_objects as go

from mammo_core.plots.style import MUTED, WITH_CANCER, WITHOUT_CANCER, figure

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
