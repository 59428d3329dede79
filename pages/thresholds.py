"""Thresholds: move the threshold, see which cancers are found and who is called for nothing."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.uncertainty import RatesAtThreshold, rates_at
from pages.components.shared.auc import show_auc, show_provenance
from pages.components.shared.counting import (
    Counted,
    count,
    mark_unnamed,
    pick_counting,
    show_count,
    title_of,
)
from pages.components.shared.frame import escaped, noted_errors, require_frame, shown_errors
from pages.components.shared.scored import pick_scored
from pages.components.thresholds.calibration import show_calibration
from pages.components.thresholds.cases import (
    has_several_classes,
    show_classes,
    show_mistakes,
    show_slices,
)
from pages.components.thresholds.curves import (
    show_curves,
    show_more_rates,
    show_readers,
    show_roc,
)
from pages.components.thresholds.lesions import show_lesions
from pages.components.thresholds.map import show_map
from pages.components.thresholds.opened import keep_opened, show_opened
from pages.components.thresholds.operating import show_lock, show_operating_point
from pages.components.thresholds.screening import show_screening
from pages.components.thresholds.threshold import (
    begin_anew,
    is_picked,
    set_by_aim,
    show_threshold,
    standing_threshold,
)
from pages.components.thresholds.verified import show_verified

SECTIONS: Final[Mapping[str, Callable[[Counted, RatesAtThreshold], None]]] = {
    "More rates": show_more_rates,
    "Curves": show_curves,
    "Operating point": show_operating_point,
    "Screening": show_screening,
    "Calibration": show_calibration,
    "Slices": show_slices,
    "Mistakes": show_mistakes,
    "Map": show_map,
    "Lesions": show_lesions,
    "Readers": show_readers,
    "Classes": show_classes,
}


@st.fragment
def show_judged(counted: Counted) -> None:
    with shown_errors():
        standing = standing_threshold(counted)
        picked = is_picked(counted, standing.threshold)
        rates = rates_at(counted.cases, standing.threshold, is_picked=picked)
        left, right = st.columns([8, 5], gap="medium")
        with left:
            show_threshold(counted, standing, rates, on_open=keep_opened)
        with right:
            show_roc(counted, rates.point)
            with st.container(horizontal=True):
                set_by_aim(counted)
                begin_anew()
                show_lock(counted, rates, standing)
            show_auc(counted)
        show_opened(counted, rates)
        show_verified(counted, rates)
        sections = [name for name in SECTIONS if name != "Classes" or has_several_classes(counted)]
        section = st.segmented_control(
            "Show",
            sections,
            default=sections[0],
            required=True,
            key="judge",
            bind="query-params",
            help=meaning("Operating point", "Calibration", "FROC", "Embedding"),
        )
        mark_unnamed(counted.cases)
        with noted_errors():
            SECTIONS[section](counted, rates)


require_frame()
heading = st.container(horizontal=True, vertical_alignment="bottom")
heading.title("Thresholds", width="content")
with shown_errors():
    choices, meanings = st.container(horizontal=True, vertical_alignment="bottom"), st.container()
    with choices:
        scored = pick_scored(meanings=meanings)
    if scored is None:
        st.info(
            "No run has predictions yet. Train one on the Train page, or upload a CSV above.",
            icon=":material/tune:",
        )
        st.stop()
    with choices:
        counting = pick_counting(scored.predictions, key="count")
    counted = count(scored, counting)
    heading.subheader(escaped(title_of(counted)))
    show_count(counted)
    show_judged(counted)
    if scored.run is not None:
        show_provenance([scored.run], counted.cases.level)
