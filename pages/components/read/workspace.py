"""A case on Read as a whole, and what a visitor sees who has not opened one: names, pictures,
scores, and what is a click away, each in its place.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammo_core.inference.verdict import ScoredCase
from mammo_core.preprocessing.cases import Case
from mammo_core.runs.folder import RunFolder
from pages.components.read.archive import (
    is_search_opened,
    show_archive_door,
    show_send,
    show_worklist,
)
from pages.components.read.case import (
    offer_names,
    offer_to_take_names,
    offer_undo,
    show_case_care,
    show_case_table,
    take_correction,
)
from pages.components.read.context import (
    pick_second,
    read_with,
    show_context,
    show_judged,
)
from pages.components.read.density import show_density
from pages.components.read.exports import show_exports
from pages.components.read.intake import (
    SHOWN,
    example_case,
    example_model,
    named,
    proposed_places,
    show_choices,
    show_drop,
    show_samples,
)
from pages.components.read.listed import listed_cases, note_score, note_seen, show_list
from pages.components.read.pictures import (
    Layer,
    Told,
    lay_out,
    lay_out_told,
    pick_layers,
    pick_method,
    show_filters,
    show_layers,
    show_method,
    show_pictures,
    show_seconds,
)
from pages.components.read.priors import hang_with_prior, offer_priors
from pages.components.read.reading import hold, is_held
from pages.components.read.scores import show_meaning
from pages.components.read.studies import show_studies, show_study_start
from pages.components.shared import cached
from pages.components.shared.caselist.origin import show_origin
from pages.components.shared.frame import escaped, noted_errors, shown_errors
from pages.components.shared.pickers import models_for, pick_run, title_of, wanted_name
from pages.components.shared.published import show_published
from pages.components.shared.runs import show_measured
from pages.components.shared.tour import offer_tour

_WELCOME: Final = (
    "Drop mammograms to see what a model says of them, and what in the image moved its score. "
    "Move its threshold on **Thresholds**, set models side by side on **Compare**, and teach one "
    "your own images on **Train**. Below is a synthetic exam to begin with."
)
_LACKING: Final = "model card, so nothing to read with"


def _show_case(case: Case) -> RunFolder | None:
    """The pixels first, where the model has still to read them: the page is then drawn again."""
    place = lay_out(is_for_two=bool(wanted_name("second")))
    with place.names:
        offer_names(case)
    with place.models:
        models = models_for(case)
        run = pick_run("Model", models, key="model", lacking=_LACKING)
        second = pick_second(models, run)
    show_list(case, run)
    runs = [one for one in (run, second) if one is not None]
    is_all_held = is_search_opened() or all(
        is_held(one, case, method=pick_method()) for one in runs
    )
    told = lay_out_told(place, of=" ".join([case.case_id, *(one.run_id for one in runs)]))
    drawn = partial(
        show_pictures,
        named(case),
        proposed=proposed_places(case),
        on_corrected=partial(take_correction, case),
    )
    if not is_all_held:
        with place.pictures:
            drawn([])
        with told.scores:
            offer_to_take_names(case)
    with told.scores:
        first, other = read_with(run, case), read_with(second, case)
    if not is_all_held:
        for one in runs:
            hold(one, case, method=pick_method())
        st.rerun()
    layers = [layer for layer in (first, other) if layer is not None]
    with told.scores, shown_errors():  # what the log has no room for is not shown
        for layer in layers:
            note_seen(case, layer.run, layer.read)
    with place.pictures:
        shown = pick_layers(layers)
        started = time.perf_counter()
        if not hang_with_prior(named(case), first):
            drawn(shown)
        drawing = time.perf_counter() - started
    if run is None:
        told.scores.info("There is no checkpoint yet. Train one on the Train page.")
    _show_told(case, told, first, other, shown=shown, drawing=drawing)
    return run


def _show_told(
    case: Case,
    told: Told,
    first: Layer | None,
    other: Layer | None,
    *,
    shown: Sequence[Layer],
    drawing: float,
) -> None:
    """What the models say, beside the pictures and beneath them."""
    cases: list[ScoredCase] = []
    with told.scores, noted_errors():
        cases = _show_case_scores(case, first)
    if other is not None:
        with told.second_scores, noted_errors():
            show_judged(named(case), other)
    with told.behind, noted_errors():
        show_layers(named(case), shown)
        if first is not None and first.read.readings:
            of_which = f" of {title_of(first.run)}" if other is not None else ""
            _show_behind(case, first, cases, of_which=of_which, drawing=drawing)


def _show_case_scores(case: Case, layer: Layer | None) -> list[ScoredCase]:
    if layer is None:
        offer_to_take_names(case)
        return []
    cases = show_judged(
        named(case), layer,
        beneath=lambda: show_density(named(case)), confirm=lambda: offer_to_take_names(case),
    )  # fmt: skip
    if layer.read.readings:
        note_score(case, layer.run, layer.read)
        show_exports(case, layer)
        show_send(case, layer)
    return cases


def _show_behind(
    case: Case, layer: Layer, cases: list[ScoredCase], *, of_which: str, drawing: float
) -> None:
    """Under the images: what is a click away."""
    run, read = layer.run, layer.read
    with st.expander(escaped(f"Around the score{of_which}"), icon=":material/explore:"):
        show_context(named(case), run, read, cases)
    with st.expander(escaped(f"What the score{of_which} means"), icon=":material/info:"):
        show_meaning(run, cached.card(run))
        show_measured(run, key="read")
    with st.expander("Advanced", icon=":material/tune:"):
        show_method(run)
        show_seconds(case, read, drawing)


def _show_heading(case: Case, *, is_unread: bool = False) -> DeltaGenerator:
    """The place beside the ways in, for what else may hang of her."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("#### Read")
        show_origin(case, is_unread=is_unread)
        with st.popover("Open images", icon=":material/upload_file:"):
            show_drop()
            show_choices()
            show_samples()
        show_archive_door()
        beside = st.container(width="stretch")
    show_worklist()
    offer_undo()
    return beside


def _parts(*, is_first: bool) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Above the ways in, of the first visit in a place of their own; beneath, always in the same,
    what is told of one case. What is no longer told would be left beside what is.
    """
    if is_first:
        ways, _ = st.container(), st.empty()
    else:
        _, ways = st.empty(), st.container()
    return ways, st.container(key=SHOWN)


def show_opened(case: Case) -> RunFolder | None:
    """The model that read it comes back."""
    ways, shown = _parts(is_first=False)
    with ways:
        beside = _show_heading(case)
    with shown:
        run = _show_all_of(case)
    with beside:  # asked last: nobody waits for the archive to see the pictures
        offer_priors(case)
    return run


def _show_all_of(case: Case) -> RunFolder | None:
    run = None
    if case.images:
        run = _show_case(case)
    else:
        show_list(case, None)
    has_refused = bool(case.refusals)
    with st.expander("What was read", icon=":material/fact_check:", expanded=has_refused):
        show_case_table(case)
    if case.images:
        with st.expander("Filters", icon=":material/blur_on:"):
            show_filters(named(case))
    show_case_care(case)
    return run


def show_first_visit() -> RunFolder | None:
    """Something to look at, and where to put one's own; the model that images would be read by.
    The example's pixels are sent first: nothing else takes so long to appear.
    """
    ways, shown = _parts(is_first=True)
    with ways:
        title, words = st.columns([1, 11], vertical_alignment="center")
        title.title("Read")
        words.markdown(_WELCOME)
        offer_undo()
        intake = st.container(gap="xsmall")
    case = example_case()
    layer = None
    if case is not None:
        with shown:
            place = lay_out(is_for_two=False)
            told = lay_out_told(place, of="")
            layer = read_with(example_model(case), case)
        with place.pictures:
            show_pictures(case, [layer] if layer else [], proposed={}, height=560)
    with intake:
        show_drop()
        run = _show_ways_in()
        show_worklist()
    if case is not None:
        with told.scores, noted_errors():
            _show_example_scores(case, layer, run)
    show_studies()
    show_published()
    return run


def _show_ways_in() -> RunFolder | None:
    """What else there is to open, and how it will be read."""
    with st.container(horizontal=True, vertical_alignment="center"):
        show_samples(is_first=True)
        with st.popover("Folder, model, read first", icon=":material/tune:", type="tertiary"):
            run = pick_run(
                "Your images are read with", models_for(None), key="model", lacking=_LACKING
            )
            show_choices()
        show_archive_door()
        offer_tour()
    return run


def _show_example_scores(case: Case, layer: Layer | None, chosen: RunFolder | None) -> None:
    st.markdown("**Example**: a synthetic exam, read by a small model of synthetic women.")
    if chosen is not None:
        st.caption(
            f"Your images will be read with {escaped(title_of(chosen))}.",
            help="Unless you choose another above. Synthetic mammograms are read with a model of "
            "synthetic women.",
        )
    if layer is not None:
        show_judged(case, layer)


def show_unread(case: Case) -> None:
    """Before a reader has answered, no model sees what is opened, and no truth of it is told."""
    _show_heading(case, is_unread=True)
    run = pick_run("Model", models_for(case), key="model", lacking=_LACKING)
    if run is not None:
        show_study_start(listed_cases(), run)
