"""Thresholds: move the threshold, see which cancers are found and who is called for nothing."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from mammo_core.metrics.uncertainty import RatesAtThreshold, rates_at
from pages.components.shared.auc import show_provenance
from pages.components.shared.counting import Counted, count, pick_counting, show_count
from pages.components.shared.frame import noted_errors, require_frame, shown_errors
from pages.components.shared.scored import pick_scored
from pages.components.thresholds.calibration import show_calibration
from pages.components.thresholds.cases import (
    has_several_classes,
    show_classes,
    show_mistakes,
    show_slices,
)
from pages.components.thresholds.curves import show_bands, show_curves, show_readers
from pages.components.thresholds.operating import show_operating_point
from pages.components.thresholds.screening import show_screening
from pages.components.thresholds.threshold import pick_threshold, show_rates

SECTIONS: Final[Mapping[str, Callable[[Counted, RatesAtThreshold], None]]] = {
    "Curves": show_curves,
    "Rates": show_bands,
    "Operating point": show_operating_point,
    "Screening": show_screening,
    "Calibration": show_calibration,
    "Slices": show_slices,
    "Mistakes": show_mistakes,
    "Readers": show_readers,
    "Classes": show_classes,
}


@st.fragment
def show_threshold(counted: Counted) -> None:
    with shown_errors():
        rates = rates_at(counted.cases, pick_threshold(counted))
        show_rates(rates, counted)
        sections = [name for name in SECTIONS if name != "Classes" or has_several_classes(counted)]
        section = st.segmented_control(
            "Show", sections, default=sections[0], required=True, key="judge", bind="query-params"
        )
        with noted_errors():
            SECTIONS[section](counted, rates)


require_frame()
st.title("Thresholds")
with shown_errors():
    with st.sidebar:
        scored = pick_scored()
    if scored is None:
        st.info(
            "No run has predictions yet. Train one on the Train page, or upload a CSV at the left.",
            icon=":material/tune:",
        )
        st.stop()
    counted = count(scored, pick_counting(scored.predictions, key="count"))
    show_count(counted)
    show_threshold(counted)
    if scored.run is not None:
        show_provenance([scored.run], counted.cases.level)
