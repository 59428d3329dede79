"""A decision threshold whose numbers follow the drag, in the browser; only a release is sent."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st

from mammo_core.metrics.cases import Cases
from pages.components.shared import wire

_HERE: Final = Path(__file__).parent

_COMPONENT: Final = st.components.v2.component(
    "mammo_threshold_slider",
    html='<div class="threshold"></div>',
    css=(_HERE / "slider.css").read_text(encoding="utf-8"),
    js=wire.join_scripts(_HERE, ["slider.js"]),
)


def show_threshold_slider(
    cases: Cases,
    *,
    threshold: float,
    on_release: Callable[[float], None],
    key: str,
    prevalence: float | None = None,
) -> None:
    """Show `threshold` and what it does to `cases`; `on_release` is told where the reader left it.

    `on_release` runs before the script does, and should keep the value for the next `threshold`.
    With a `prevalence` the outcome per 1,000 cases is shown, too.
    """
    header = {
        "threshold": threshold,
        "prevalence": prevalence,
        "level": str(cases.level),
        "positives": cases.positives,
        "negatives": cases.negatives,
    }
    # Full precision: a case exactly at the threshold must be called here as it is in Python.
    scores = [np.sort(cases.score[cases.positive]), np.sort(cases.score[~cases.positive])]

    def release() -> None:
        moved = st.session_state[key].threshold
        if moved is not None:
            on_release(float(moved))

    _COMPONENT(
        key=key,
        data=wire.pack(header, [scores[0].astype(np.float64), scores[1].astype(np.float64)]),
        on_threshold_change=release,
    )
