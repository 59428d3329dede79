"""Prior studies of a woman whose case came from an archive: offered, and hung beside it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.archive.links import Link, is_prior, read_link
from mammo_core.archive.listed import find_archive
from mammo_core.errors import MammoError
from mammo_core.files import archives_file
from mammo_core.preprocessing.cases import Case, load_case
from mammo_core.sharing.rights import Action
from mammo_core.types import Laterality, View
from mammo_core.words import many
from pages.components.read.case import take_correction
from pages.components.read.fetching import begin_fetching, cancel_fetching, show_fetching
from pages.components.read.intake import shown_on_read
from pages.components.read.pictures import HEIGHT, Layer, legend_of, make_panes, with_lesions
from pages.components.shared.frame import escaped, noted_errors, toasted_errors
from pages.components.shared.viewer.viewer import Correction, Pane, show_viewer
from pages.components.shared.whose import cases_root, is_off, note, note_once, require

if TYPE_CHECKING:
    from mammo_core.archive.client import FoundStudy

PRIOR: Final = "prior"  # in the address: the case that hangs beside the open one
_FETCHED: Final = "prior_fetched"
_BESIDE: Final = "prior_fetched_beside"  # the case that was open when it was asked for
_SHOWN: Final = "prior_shown"
_WAYS: Final = ("Beside", "Prior", "Current")
_MOST: Final = 5
_ACROSS: Final = 4  # both breasts in one view, each with its prior
_OF_PRIOR: Final = " of the prior"  # in the key of a pane, after its image's id


def offer_priors(case: Case) -> None:
    """Beside a case that came from an archive: the woman's earlier studies there."""
    if st.session_state.get(_BESIDE) != case.case_id:
        cancel_fetching(_FETCHED)  # what is fetched for another case is wanted no more
    with noted_errors():
        link = read_link(cases_root(), case.case_id)
        if link is None:
            return
        if link.missing:
            st.warning(escaped(link.missing), icon=":material/warning:")
        if not is_off(Action.ARCHIVE):
            _offer(case, link)


def _offer(case: Case, link: Link) -> None:
    note_once("looked for prior studies", case=case.case_id, about=link.archive)
    found, why_not = _found_or_why(cases_root(), case.case_id, link.study_uid)
    if why_not:
        st.error(escaped(why_not), icon=":material/error:")
        return
    if not found:
        st.caption("The archive has no earlier mammography of this woman.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        count = many(len(found), "prior study", "prior studies")
        st.caption(f"{count} in the archive:", width="content")
        for number, study in enumerate(found[:_MOST]):
            st.button(
                f"{_interval(link, study.day)} before", icon=":material/history:",
                key=f"prior_{number}", on_click=_fetch, args=(case, link, study),
            )  # fmt: skip
    show_fetching(_FETCHED, partial(_open, link))


def _fetch(case: Case, link: Link, study: "FoundStudy") -> None:
    with toasted_errors():
        require(Action.ARCHIVE)
        begin_fetching(_FETCHED, link.archive, study)
        st.session_state[_BESIDE] = case.case_id


@st.cache_data(ttl=60, max_entries=64, show_spinner=False)
def _found_or_why(root: Path, case_id: str, study: str) -> "tuple[list[FoundStudy], str]":
    """An archive that did not answer is not asked again at every click."""
    try:
        return _found(root, case_id, study), ""
    except MammoError as error:
        return [], str(error)


@st.cache_data(ttl=600, max_entries=64, show_spinner="Looking for prior studies…")
def _found(root: Path, case_id: str, study: str) -> "list[FoundStudy]":
    from mammo_core.archive.client import connect
    from mammo_core.archive.exams import prior_studies
    from mammo_core.archive.line import Patience

    link = read_link(root, case_id)
    if link is None:
        return []
    brief = Patience(connect=2.0, silence=4.0, attempts=1)
    client = connect(find_archive(archives_file(), link.archive), patience=brief)
    return prior_studies(client, link)


def _interval(link: Link, day: str) -> str:
    from mammo_core.archive.exams import months_between

    return many(months_between(day, link.day), "month", "months")


def _open(link: Link, prior: Case) -> None:
    note("opened a prior study", case=prior.case_id, about=link.archive)
    st.query_params[PRIOR] = prior.case_id
    st.session_state[_SHOWN] = _WAYS[0]


def hang_with_prior(case: Case, layer: Layer | None) -> bool:
    """Current left, prior right, view by view; whether there is a prior to hang."""
    prior_id = st.query_params.get(PRIOR)
    if not prior_id:
        return False
    try:
        prior = load_case(cases_root(), prior_id)
        current_link, prior_link = (read_link(cases_root(), one.case_id) for one in (case, prior))
    except MammoError as error:
        st.query_params.pop(PRIOR)
        st.error(escaped(str(error)), icon=":material/error:")
        return False
    if not current_link or not prior_link or not is_prior(prior_link, current_link):
        st.query_params.pop(PRIOR)  # another woman's never hangs beside
        return False
    interval = _interval(current_link, prior_link.day)
    _show_ways(interval)
    way = st.session_state.get(_SHOWN, _WAYS[0])
    current = with_lesions(case, make_panes(case, layer.read if layer else None))
    earlier = [
        replace(pane, key=f"{pane.key}{_OF_PRIOR}", note=f"Prior, {interval} before")
        for pane in make_panes(prior, None)
    ]
    of_way = {_WAYS[0]: in_pairs(current, earlier), _WAYS[1]: earlier, _WAYS[2]: current}[way]
    if not of_way:
        st.info("No view of the prior study matches one of this study.")
    show_viewer(
        of_way,
        key="viewer_with_prior",
        height=HEIGHT,
        is_filling=True,
        shown=replace(shown_on_read(case), case_id=""),  # of two cases: nothing is kept by one
        legend=legend_of(case, [layer.read] if layer else []),
        columns=_ACROSS if way == _WAYS[0] else 0,  # alone, a study hangs as any other
        on_corrected=partial(_correct, case, prior),
    )
    return True


def _correct(case: Case, prior: Case, said: Correction) -> None:
    image_id, of_prior, _ = said.pane.partition(_OF_PRIOR)
    take_correction(prior if of_prior else case, replace(said, pane=image_id))


def _show_ways(interval: str) -> None:
    way = st.session_state.get(_SHOWN, _WAYS[0])
    told = {
        "Beside": f"Current study left, prior of {interval} before right.",
        "Prior": f"The prior study of {interval} before alone.",
        "Current": "The current study alone.",
    }[way]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(told)
        st.button(
            "Switch", icon=":material/swap_horiz:", shortcut="p", key="switch_prior",
            on_click=_switch, help="Beside each other, the prior alone, the current alone",
        )  # fmt: skip
        st.button("Take the prior away", icon=":material/close:", type="tertiary", on_click=_leave)


def _switch() -> None:
    way = st.session_state.get(_SHOWN, _WAYS[0])
    st.session_state[_SHOWN] = _WAYS[(_WAYS.index(way) + 1) % len(_WAYS)]


def _leave() -> None:
    st.query_params.pop(PRIOR, None)


def in_pairs(current: Sequence[Pane], earlier: Sequence[Pane]) -> list[Pane]:
    """Each view beside itself before, in the order in which an exam hangs: right before left, CC
    before MLO. A view that only one study has is left out.
    """
    priors = {(pane.side, pane.view): pane for pane in reversed(earlier)}
    hung = sorted(current, key=lambda pane: (pane.view != View.CC, pane.side != Laterality.RIGHT))
    return [
        pane
        for one in hung
        if (one.side, one.view) in priors
        for pane in (one, priors[(one.side, one.view)])
    ]
