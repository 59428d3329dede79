"""Read: drop a mammogram or click a sample; see score, verdict and heatmap."""

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.preprocessing.case_store import Case
from mammo_core.runs.folder import RunFolder
from pages.components import cached
from pages.components.case_view import show_case_care, show_case_table
from pages.components.export_view import show_exports
from pages.components.frame import require_frame
from pages.components.guard import noted_errors
from pages.components.intake import open_case, show_intake
from pages.components.panes import drawn_boxes, make_panes, show_filters
from pages.components.pickers import pick_run, reading_models
from pages.components.read_model import fit_of, show_meaning, show_refused
from pages.components.read_scores import scored_images, show_scores
from pages.components.reading import read_image
from pages.components.viewer import Legend, show_viewer

if TYPE_CHECKING:
    from mammo_core.inference.predictor import Reading


def show_case(case: Case, run: RunFolder | None) -> None:
    readings: dict[str, Reading] = {}
    if run is not None:
        with noted_errors():
            fit = fit_of(case, cached.card(run))
            readings = {i.ref.image_id: read_image(run, case, i) for i in fit.scored}
    picture, words = st.columns([3, 1], gap="medium")
    with picture:
        panes = make_panes(case, readings)
        seen = show_viewer(
            panes,
            key="viewer",
            height=780,
            legend=Legend(text="What moved the score", low_text="none", high_text="most"),
        )
        for box in drawn_boxes(case, panes, seen.drawn):
            st.caption(f":material/crop_free: Your box on {box} of the original.")
    with words:
        if run is None:
            st.info("There is no checkpoint yet. Train one on the Train page.")
            return
        with noted_errors():
            card = cached.card(run)
            fit = fit_of(case, card)
            show_refused(fit)
            if readings:
                show_scores(scored_images(case, readings), run, card)
                show_meaning(run, card, fit)
                show_heat_words(list(readings.values()))
                show_exports(case, run, readings, panes)


def show_heat_words(readings: "list[Reading]") -> None:
    if any(reading.is_relative for reading in readings):
        scale = "The colours are relative: some point of every image is full colour."
    elif any(reading.stands_out for reading in readings):
        scale = "Full colour is what 1 in 200 validation images without cancer reaches."
    else:
        scale = "No region stands out: none reaches what 1 in 200 images without cancer reaches."
    st.caption(
        "The heatmap (Grad-CAM) shows what moved the score, not the borders of a tumour. " + scale
    )


require_frame()
with st.sidebar:
    chosen = pick_run("Model", reading_models(), key="model")
opened = open_case()
if opened is None:
    st.title("Read")
    show_intake()
else:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("#### Read")
        with st.popover("Open images", icon=":material/upload_file:"):
            show_intake()
    if opened.images:
        show_case(opened, chosen)
    with st.expander(
        "What was understood", icon=":material/fact_check:", expanded=bool(opened.refusals)
    ):
        show_case_table(opened)
    if opened.images:
        with st.expander("Filters", icon=":material/blur_on:"):
            show_filters(opened)
    show_case_care(opened)
