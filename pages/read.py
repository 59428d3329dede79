"""Read: drop a mammogram or click a sample; see score, verdict and heatmap."""

import time

import streamlit as st

from mammo_core.inference.verdict import ScoredCase
from mammo_core.preprocessing.cases import Case
from mammo_core.runs.folder import RunFolder
from pages.components.read.case import show_case_care, show_case_table
from pages.components.read.context import (
    pick_second,
    read_with,
    show_context,
    show_judged,
)
from pages.components.read.density import show_density
from pages.components.read.exports import show_exports
from pages.components.read.intake import (
    has_worklist,
    is_read_first,
    listed_cases,
    open_case,
    show_intake,
    show_way_back,
    show_worklist,
)
from pages.components.read.pictures import (
    Layer,
    lay_out,
    pick_layers,
    show_filters,
    show_layers,
    show_method,
    show_pictures,
    show_seconds,
)
from pages.components.read.scores import show_meaning
from pages.components.read.studies import show_studies, show_study, show_study_start
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors, require_frame
from pages.components.shared.pickers import models_for, pick_run
from pages.components.shared.runs import show_measured


def show_case(case: Case, run: RunFolder | None, second: RunFolder | None) -> None:
    first, other = read_with(run, case), read_with(second, case)
    place = lay_out(is_for_two=first is not None and other is not None)
    with place.pictures:
        shown = pick_layers([layer for layer in (first, other) if layer is not None])
        started = time.perf_counter()
        show_pictures(case, shown)
        drawing = time.perf_counter() - started
    if run is None:
        place.scores.info("There is no checkpoint yet. Train one on the Train page.")
    with place.scores, noted_errors():
        cases = show_case_scores(case, first) if first is not None else []
    if other is not None:
        with place.second_scores, noted_errors():
            show_judged(case, other)
    with place.behind, noted_errors():
        show_layers(case, shown)
        if first is not None and first.read.readings:
            of_which = f" of {first.run.run_id}" if other is not None else ""
            show_behind(case, first, cases, of_which=of_which, drawing=drawing)


def show_case_scores(case: Case, layer: Layer) -> list[ScoredCase]:
    cases, read = show_judged(case, layer, beneath=lambda: show_density(case)), layer.read
    if read.readings:
        show_exports(case, layer)
    return cases


def show_behind(
    case: Case, layer: Layer, cases: list[ScoredCase], *, of_which: str, drawing: float
) -> None:
    """Under the images: what is a click away."""
    run, read = layer.run, layer.read
    with st.expander(escaped(f"Around the score{of_which}"), icon=":material/explore:"):
        show_context(case, run, read, cases)
    with st.expander(escaped(f"What the score{of_which} means"), icon=":material/info:"):
        show_meaning(run, cached.card(run))
        show_measured(run, key="read")
    with st.expander("Advanced", icon=":material/tune:"):
        show_method()
        show_seconds(case, read, drawing)


def show_heading() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("#### Read")
        show_way_back()
        with st.popover("Open images", icon=":material/upload_file:"):
            show_intake()


def show_opened(case: Case, run: RunFolder | None, second: RunFolder | None) -> None:
    show_heading()
    if case.images:
        show_case(case, run, second)
    has_refused = bool(case.refusals)
    with st.expander("What was read", icon=":material/fact_check:", expanded=has_refused):
        show_case_table(case)
    if case.images:
        with st.expander("Filters", icon=":material/blur_on:"):
            show_filters(case)
    show_case_care(case)


require_frame()
if "study" in st.query_params:
    show_study()
    st.stop()
opened = open_case()
with st.sidebar:
    models = models_for(opened)
    chosen = pick_run("Model", models, key="model", lacking="model card, so nothing to read with")
    second = pick_second(models, chosen)
is_open = opened is not None or has_worklist()
if is_open and chosen is not None and is_read_first():
    show_heading()
    show_study_start([opened.case_id] if opened else listed_cases(), chosen)
elif opened is not None:
    show_opened(opened, chosen, second)
elif has_worklist():
    show_heading()
    show_worklist(chosen)
else:
    st.title("Read")
    show_intake()
    show_studies()
