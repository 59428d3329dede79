"""Scores of cases with and without cancer, with the threshold drawn through them."""

from typing import Final

import numpy as np
import plotly.graph_objects as go

from mammo_core.metrics.cases import Cases
from mammo_core.plots.style import INK, WITH_CANCER, WITHOUT_CANCER, figure

_BINS: Final = 40


def score_histogram(cases: Cases, threshold: float) -> go.Figure:
    """Shares within each class: cancers are few, and counts would hide them."""
    drawing = figure(x_title="Score", y_title="Share of the class")
    drawing.update_layout(barmode="overlay", bargap=0)
    drawing.update_yaxes(tickformat=".0%")
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    classes = (
        ("without cancer", ~cases.positive, WITHOUT_CANCER, ""),
        ("with cancer", cases.positive, WITH_CANCER, "/"),
    )
    for name, members, colour, pattern in classes:
        counts, _ = np.histogram(cases.score[members], bins=edges)
        drawing.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / max(1, counts.sum()),
            customdata=np.column_stack([counts, edges[:-1], edges[1:]]),
            width=1 / _BINS,
            name=f"{name} ({counts.sum():,})",
            marker={"color": colour, "pattern": {"shape": pattern}},
            opacity=0.65,
            hovertemplate="%{customdata[0]:,} cases score %{customdata[1]:.3f} to "
            "%{customdata[2]:.3f}<extra></extra>",
        )
    drawing.add_vline(
        x=threshold, line={"color": INK, "dash": "dash"}, annotation_text=f"{threshold:.3f}"
    )
    return drawing
