"""A forest plot: one line per part of the cases, its interval as a bar, small parts grey."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mammo_core.metrics.subgroups import Slice
from mammo_core.plots.style import MUTED, PALETTE, figure


def forest_figure(slices: Sequence[Slice], *, overall: float) -> go.Figure:
    """AUC per part, the whole's AUC as a line through them."""
    drawing = figure(x_title="AUC", y_title="", height=120 + 36 * len(slices))
    for part in slices:
        if part.auc is None:
            continue
        colour = MUTED if part.is_small else PALETTE[0]
        drawing.add_scatter(
            x=[part.auc.value],
            y=[part.name],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [part.auc.high - part.auc.value],
                "arrayminus": [part.auc.value - part.auc.low],
                "color": colour,
            },
            mode="markers",
            marker={"color": colour, "size": 11, "symbol": "square"},
            showlegend=False,
            hovertemplate=f"AUC {part.auc.value:.3f}, 95 % {part.auc.low:.3f} to "
            f"{part.auc.high:.3f}<br>{part.auc.positives:,} with and {part.auc.negatives:,} "
            "without cancer<extra></extra>",
        )
    drawing.add_vline(
        x=overall, line={"color": MUTED, "dash": "dot"}, annotation_text="all",
        annotation_position="bottom right",
    )  # fmt: skip
    lowest = min([0.5, *(part.auc.low for part in slices if part.auc is not None)])
    drawing.update_xaxes(range=[lowest - 0.03, 1.01])
    drawing.update_yaxes(autorange="reversed", type="category")
    return drawing
