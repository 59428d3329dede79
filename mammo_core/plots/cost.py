"""What a model's AUC costs: seconds per image, or numbers learnt, against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from mammo_core.plots.style import PALETTE, figure

_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up")  # told apart without colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A model's AUC with its interval, and a price with its range; equal ends where it is exact."""

    name: str
    auc: float
    auc_low: float
    auc_high: float
    price: float
    price_low: float
    price_high: float


def cost_figure(models: Sequence[Priced], *, title: str) -> go.Figure:
    """AUC over the price on a logarithmic axis: up and to the left is better."""
    drawing = figure(x_title=title, y_title="AUC")
    for number, model in enumerate(models):
        colour = PALETTE[number % len(PALETTE)]
        drawing.add_scatter(
            x=[model.price],
            y=[model.auc],
            error_x=_bar(model.price, model.price_low, model.price_high),
            error_y=_bar(model.auc, model.auc_low, model.auc_high),
            mode="markers",
            name=model.name,
            marker={
                "color": colour,
                "size": 12,
                "symbol": _SYMBOLS[number // len(PALETTE) % len(_SYMBOLS)],
            },
            hovertemplate=f"AUC {model.auc:.3f}, 95 % {model.auc_low:.3f} to {model.auc_high:.3f}"
            f"<br>{title}: %{{x:,.4g}}<extra>%{{fullData.name}}</extra>",
        )
    drawing.update_xaxes(type="log")
    return drawing


def _bar(value: float, low: float, high: float) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "array": [high - value], "arrayminus": [value - low],
        "thickness": 1,
    }  # fmt: skip
