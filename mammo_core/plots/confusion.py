"""The four outcomes at a threshold, as a square of counts."""

import plotly.graph_objects as go

from mammo_core.metrics.threshold import OperatingPoint
from mammo_core.plots.style import INK, WITH_CANCER, WITHOUT_CANCER, figure

_RIGHT, _WRONG = 0.45, 0.12


def confusion_figure(point: OperatingPoint) -> go.Figure:
    """Rows are the truth, columns what the threshold says; each cell is named in words."""
    drawing = figure(x_title="", y_title="", height=300)
    cells = (
        ("found", 0, 1, point.true_positives, point.positives, WITH_CANCER, _RIGHT),
        ("missed", 1, 1, point.false_negatives, point.positives, WITH_CANCER, _WRONG),
        ("false alarms", 0, 0, point.false_positives, point.negatives, WITHOUT_CANCER, _WRONG),
        ("left alone", 1, 0, point.true_negatives, point.negatives, WITHOUT_CANCER, _RIGHT),
    )
    for name, column, row, count, total, colour, opacity in cells:
        drawing.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
            fillcolor=colour, opacity=opacity, line={"color": INK, "width": 1}, layer="below",
        )  # fmt: skip
        drawing.add_annotation(
            x=column, y=row, text=f"<b>{count:,}</b><br>{name}<br>of {total:,}", showarrow=False,
            font={"color": INK, "size": 13},
        )  # fmt: skip
    drawing.update_xaxes(
        range=[-0.5, 1.5], tickvals=[0, 1], ticktext=["called", "not called"], showgrid=False
    )
    drawing.update_yaxes(
        range=[-0.5, 1.5], tickvals=[0, 1], ticktext=["without<br>cancer", "with<br>cancer"],
        showgrid=False, zeroline=False,
    )  # fmt: skip
    return drawing
