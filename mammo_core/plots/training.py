"""Figures of a run in progress, drawn from the rows it reports."""

from typing import Final

import pandas as pd
import plotly.graph_objects as go

_COLOURS: Final = {"train": "#8a94a6", "val": "#6cb6ff", "test": "#f0b429"}
_NAMES: Final = {"train": "Training", "val": "Validation", "test": "Test"}


def epoch_curve(metrics: pd.DataFrame, column: str, *, title: str) -> go.Figure:
    """One line per split of `column` over the epochs; a split that never reported it has none."""
    figure = go.Figure(
        layout={
            "xaxis": {"title": "Epoch", "rangemode": "tozero"},
            "yaxis": {"title": title},
            "height": 300,
            "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
            "legend": {"orientation": "h", "y": 1.15},
        }
    )
    if column not in metrics:
        return figure
    for split, rows in metrics.dropna(subset=[column]).groupby("split", sort=False):
        figure.add_scatter(
            x=rows["epoch"],
            y=rows[column],
            mode="lines+markers",
            name=_NAMES.get(str(split), str(split)),
            line={"color": _COLOURS.get(str(split))},
        )
    return figure
