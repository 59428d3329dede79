"""A page with nothing but the panel of scores of two breasts, over five validation breasts."""

import streamlit as st

from pages.components.read.panel.panel import Panel, PanelRow, show_panel
from pages.components.shared.reruns import mend_reruns

WITH, WITHOUT = (0.4, 0.9), (0.1, 0.2, 0.6)


def row(title: str, score: float, side: str) -> PanelRow:
    return PanelRow(
        title=title,
        score=score,
        shown=f"{score:.2f}",
        side=side,
        alt=title,
        note="",
        nouns="breasts",
        positive=WITH,
        other=WITHOUT,
    )


mend_reruns()
st.title("Scores")
show_panel(
    Panel(
        key="made up",
        headline="Score above the threshold: left breast.",
        aside="Below does not mean normal.",
        stamp="",
        alarm="",
        rows=(row("Right breast", 0.3, "below"), row("Left breast", 0.8, "above")),
        threshold=0.5,
        shownThreshold="0.5000",
    ),
    key="panel",
)
