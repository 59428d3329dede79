"""Read: drop a mammogram or click a sample; see score and heatmap."""

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.preprocessing.case_store import Case
from mammo_core.reports.case_export import ImageScore, case_rows, to_safe_csv
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from pages.components import cached
from pages.components.case_view import show_case_care, show_case_table
from pages.components.frame import require_frame
from pages.components.guard import escaped, noted_errors
from pages.components.intake import open_case, show_intake
from pages.components.panes import drawn_boxes, make_panes, show_filters
from pages.components.pickers import checkpoints, pick_run
from pages.components.reading import read_image
from pages.components.viewer import Legend, show_viewer

if TYPE_CHECKING:
    from mammo_core.inference.predictor import Reading


def show_case(case: Case, run: RunFolder | None) -> None:
    readings = {}
    if run is not None:
        with noted_errors():
            readings = {i.ref.image_id: read_image(run, case, i) for i in case.images}
    picture, words = st.columns([3, 1], gap="medium")
    with picture:
        panes = make_panes(case, readings)
        seen = show_viewer(
            panes,
            key="viewer",
            height=800,
            legend=Legend(text="What moved the score", low_text="none", high_text="most"),
        )
        for box in drawn_boxes(case, panes, seen.drawn):
            st.caption(f":material/crop_free: Your box on {box} of the original.")
    with words:
        if run is None:
            st.info("There is no checkpoint yet. Train one on the Train page.")
        elif readings:
            card = cached.card(run)
            with st.container(horizontal=True, border=True):
                for image in case.images:
                    st.metric(image.title, f"{readings[image.ref.image_id].score:.2f}")
            show_meaning(card, list(readings.values()))
            show_download(case, card, readings)


def show_meaning(card: ModelCard, readings: "list[Reading]") -> None:
    """What the numbers and colours above are, and are not."""
    positive = " or ".join(card.task.positive)
    st.caption(
        f"Score for “{escaped(positive)}”, from 0 to 1, by {escaped(card.title)} "
        f"(weights {card.weights_sha256[:8]}). It is not a probability of disease."
    )
    for limit in card.limits:
        st.warning(escaped(limit), icon=":material/warning:")
    if any(reading.is_relative for reading in readings):
        scale = "The colours are relative: some point of every image is full colour."
    elif any(reading.stands_out for reading in readings):
        scale = "Full colour is what 1 in 200 validation images without cancer reaches."
    else:
        scale = "No region stands out: none reaches what 1 in 200 images without cancer reaches."
    st.caption(
        "The heatmap (Grad-CAM) shows what moved the score, not the borders of a tumour. " + scale
    )


def show_download(case: Case, card: ModelCard, readings: "dict[str, Reading]") -> None:
    scores = {
        image_id: ImageScore(
            model_id=reading.model_id,
            weights_sha256=card.weights_sha256,
            engine=reading.engine,
            score=reading.score,
        )
        for image_id, reading in readings.items()
    }
    st.download_button(
        "Scores as CSV",
        to_safe_csv(case_rows(case, scores)),
        file_name="mammoscope-scores.csv",
        icon=":material/download:",
        on_click="ignore",
    )


require_frame()
st.title("Read")
with st.sidebar:
    chosen = pick_run("Model", checkpoints(), key="model")
opened = open_case()
with st.expander("Open images", icon=":material/upload_file:", expanded=opened is None):
    show_intake()
if opened is not None:
    if opened.images:
        show_case(opened, chosen)
    st.subheader("What was understood")
    show_case_table(opened)
    if opened.images:
        with st.expander("Filters", icon=":material/blur_on:"):
            show_filters(opened)
    show_case_care(opened)
