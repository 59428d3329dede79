"""How every figure looks: colours that the colour-blind can tell apart, on dark and light pages."""

from typing import Final

import plotly.graph_objects as go

#: Okabe and Ito (2008), in the order in which they are given out; black is left out.
PALETTE: Final = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00")
WITHOUT_CANCER: Final = PALETTE[0]
WITH_CANCER: Final = PALETTE[1]
MUTED: Final = "#8b949e"
INK: Final = "#e6edf3"
#: The point that was chosen: bright with a dark rim, so that it is seen on either ground.
CHOSEN: Final = {
    "color": INK,
    "size": 12,
    "symbol": "diamond",
    "line": {"color": "#1c2430", "width": 2},
}
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")  # told apart without colour


def figure(*, x_title: str, y_title: str, height: int = 380) -> go.Figure:
    """An empty figure with its axes named."""
    return go.Figure(
        layout={
            "height": height,
            "margin": {"l": 60, "r": 20, "t": 30, "b": 50},
            "xaxis": {"title": {"text": x_title}},
            "yaxis": {"title": {"text": y_title}},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hovermode": "closest",
        }
    )
