"""From the archive and back: studies searched for and opened, work lists that go on by themselves,
results sent home. Only archives that whoever runs the server has listed are ever asked.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from mammo_core.archive.listed import Archive, find_archive, list_archives
from mammo_core.archive.worklists import (
    RECEIVED,
    WorkConfig,
    WorkEntry,
    done_in_words,
    entries_of,
    start_sending,
    start_worklist,
)
from mammo_core.errors import ConfigError
from mammo_core.files import archives_file, home
from mammo_core.glossary import meaning
from mammo_core.preprocessing.cases import Case
from mammo_core.preprocessing.reading.identity import installation_key
from mammo_core.preprocessing.worklists import keep_worklist
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import Pseudonyms, ReadCase
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import can_be_resumed, resume_run, stop_run
from mammo_core.scores import shown_digits
from mammo_core.sharing.rights import Action
from mammo_core.words import many
from pages.components.read.exports import read_case
from pages.components.read.fetching import (
    begin_fetching,
    cancel_fetching,
    raise_failed,
    show_fetching,
)
from pages.components.read.intake import remember_case
from pages.components.read.pictures import Layer, make_panes
from pages.components.shared.caselist.origin import forget_origin
from pages.components.shared.frame import escaped, noted_errors, shown_errors
from pages.components.shared.pickers import all_titles, reading_models
from pages.components.shared.whose import (
    archive_work_root,
    cases_root,
    is_off,
    list_runs,
    note,
    noting,
    require,
    worklists_root,
)

if TYPE_CHECKING:
    from mammo_core.archive.client import FoundStudy, StudySearch
    from mammo_core.archive.links import Link

WORK: Final = "work"  # in the address: the work list that is shown
_ICON: Final = ":material/dns:"
_OPEN: Final = ":material/open_in_new:"
_FOUND: Final = "archive_found"  # the archive, what was asked, and what was found
_FETCHED: Final = "archive_fetched"
_DOOR: Final = "from_archive"
_WANTED: Final = "send_wanted"  # in the session: what Send was clicked of, and when
_WANTED_SECONDS: Final = 60.0
_SENT: Final = "sent_home"
_EARLIEST: Final = date(1980, 1, 1)
_MODALITIES: Final = ("MG", "CR", "DX", "OT")
_LISTS: Final = 10  # work lists that are offered
_STATES: Final = "With the regions, as presentation states that a viewer draws over the images"


def show_archive_door() -> None:
    """The third way in, beside files and samples; where an archive is listed, or was sent from."""
    with noted_errors():
        if not list_archives(archives_file()) and not _worklists():
            return
        with noted_errors():
            raise_failed(_FETCHED)
        cancel_fetching(_FETCHED)  # the dialog in which it was shown is closed
        off = is_off(Action.ARCHIVE)
        if st.button(
            "From the archive", icon=_ICON, key=_DOOR, disabled=bool(off), help=off or None
        ):
            _show_search()


def is_search_opened() -> bool:
    """Whether it was in this run of the page; the next would shut it, with what was typed."""
    return bool(st.session_state.get(_DOOR))


@st.dialog("From the archive", width="large", icon=_ICON, on_dismiss="rerun")
def _show_search() -> None:
    with noted_errors():
        archives = list_archives(archives_file())
        if archives:
            _search([one.name for one in archives])
            _show_found()
        _offer_worklists()


def _search(names: Sequence[str]) -> None:
    from mammo_core.archive.client import Query, connect

    with st.form("archive_search", border=False):
        with st.container(horizontal=True):
            name = st.selectbox("Archive", names, key="archive_name")
            first = st.date_input("From", value=None, min_value=_EARLIEST, key="archive_first")
            last = st.date_input("To", value=None, min_value=_EARLIEST, key="archive_last")
        with st.container(horizontal=True):
            accession = st.text_input(
                "Accession number", key="archive_accession", help=meaning("Accession number")
            )
            patient = st.text_input("Patient id", key="archive_patient")
            modality = st.selectbox(
                "Modality", _MODALITIES, key="archive_modality", help=meaning("Modality")
            )
        if not st.form_submit_button("Search", icon=":material/search:", type="primary"):
            return
    st.session_state.pop(_FOUND, None)
    query = Query(
        first=first.isoformat() if first else "",
        last=last.isoformat() if last else "",
        modality=modality,
        accession=accession,
        patient_id=patient,
    )
    require(Action.ARCHIVE)
    searched = noting("searched an archive", about=name)
    with st.spinner("Searching…"):
        found = connect(_listed(name)).search(query)
        searched()
    st.session_state[_FOUND] = (name, query, found)


def _listed(name: str) -> Archive:
    """By its name alone: no address that comes from a browser is ever asked."""
    return find_archive(archives_file(), name)


def _show_found() -> None:
    from mammo_core.archive.client import MOST_STUDIES

    if _FOUND not in st.session_state:
        return
    name, query, search = st.session_state[_FOUND]
    found = search.studies
    _tell_of_more(search)
    if not found:
        st.info("No study matches. Try another range of dates, or leave fields empty.")
        return
    chosen = st.dataframe(
        [_row(study) for study in found[:MOST_STUDIES]],
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key="archive_studies",
        height=260,
    ).selection.rows
    studies = [found[place] for place in chosen if place < len(found)]
    with st.container(horizontal=True, vertical_alignment="center"):
        is_one = len(studies) == 1
        is_opened = st.button("Open the study", icon=_OPEN, type="primary", disabled=not is_one)
        if not studies:
            count = many(min(len(found), MOST_STUDIES), "study", "studies")
            st.caption(f"{count}. Tick one study to open it, or several for a work list.")
        if len(studies) > 1:
            run = _pick_model()
            label = f"Score {many(len(studies), 'study', 'studies')} as a work list"
            if st.button(label, icon=":material/checklist:"):
                _start(name, studies, run)
    if is_opened:
        require(Action.ARCHIVE)
        begin_fetching(_FETCHED, name, studies[0], modality=query.modality)
    show_fetching(_FETCHED, partial(_open, name))


def _tell_of_more(search: "StudySearch") -> None:
    from mammo_core.archive.client import MOST_STUDIES

    if search.warning:
        st.warning(f"{search.warning} Narrow the dates down.", icon=":material/warning:")
    elif len(search.studies) > MOST_STUDIES:
        st.caption(f"There are more; the first {MOST_STUDIES} are shown. Narrow the dates down.")


def _pick_model() -> RunFolder | None:
    """What the list is scored with: at first the model of the page."""
    models = {run.run_id: run for run in reading_models()}
    names, titles = list(models), all_titles()
    shown = st.session_state.get("model")
    name = st.selectbox(
        "Scored with", names, index=names.index(shown) if shown in models else 0,
        key="archive_model", format_func=lambda one: titles.get(one, one), width=280,
    )  # fmt: skip
    return models.get(str(name))


def _row(study: "FoundStudy") -> dict[str, Any]:
    day = study.day
    return {
        "Date": f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else "unknown",
        "Description": study.description,
        "Instances": study.images,
        "Accession": study.accession,
    }


def _open(name: str, case: Case) -> None:
    """Make the fetched study the case in the address."""
    note("opened a study of an archive", case=case.case_id, about=name)
    forget_origin()
    remember_case(case.case_id)
    for parameter in ("list", "prior"):
        st.query_params.pop(parameter, None)
    st.query_params["case"] = case.case_id
    st.session_state.pop(_FOUND, None)


def _start(name: str, studies: "Sequence[FoundStudy]", run: RunFolder | None) -> None:
    require(Action.ARCHIVE)
    if run is None:
        raise ConfigError("Choose a model first: a work list is scored while it comes in.")
    cases, root = cases_root(), archive_work_root()
    noted = noting("started a work list of an archive", model=run.run_id, about=name)
    started = start_worklist(name, studies, checkpoint=run.run_id, cases=cases, root=root)
    noted()
    st.query_params[WORK] = started.run_id
    st.session_state.pop(_FOUND, None)
    st.rerun()


def _worklists() -> list[RunFolder]:
    """The newest first; what only sent another's results is none."""
    runs = [run for run in list_runs(archive_work_root()) if _is_list(run)]
    return runs[:_LISTS]


def _is_list(run: RunFolder) -> bool:
    return run.run_id == RECEIVED or "-archive-" in run.run_id


def _offer_worklists() -> None:
    runs = _worklists()
    if not runs:
        return
    st.markdown("**Work lists**")
    for run in runs:
        words = f"{_title(run)}: {done_in_words(entries_of(run), _total(run))}"
        if st.button(escaped(words), icon=":material/checklist:", key=f"work_{run.run_id}"):
            st.query_params[WORK] = run.run_id
            st.rerun()


def _total(run: RunFolder) -> int:
    return max(run.read_status().total, len(entries_of(run)))


def _title(run: RunFolder) -> str:
    if run.run_id == RECEIVED:
        return "Received from other nodes"
    archive = run.settings(WorkConfig).archive
    day, clock = run.run_id[:8], run.run_id[9:15]
    at = f"{day[:4]}-{day[4:6]}-{day[6:]}, {clock[:2]}:{clock[2:4]} UTC"
    return f"From {archive}, {at}"


def show_worklist() -> None:
    """The one in the address, as it goes on."""
    name = st.query_params.get(WORK)
    run = next((one for one in _worklists() if one.run_id == name), None) if name else None
    if run is None:
        return
    with st.container(border=True):
        _show_progress(run)


@st.fragment(run_every=2)
def _show_progress(run: RunFolder) -> None:
    status, entries = run.read_status(), entries_of(run)
    sending = _newest_sending(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escaped(_title(run))}**")
        told = [done_in_words(entries, _total(run)), status.message]
        told += [sending.read_status().message] if sending else []
        st.caption(escaped(" ".join(dict.fromkeys(filter(None, told)))))
        if st.button("Close the list", icon=":material/close:", type="tertiary"):
            st.query_params.pop(WORK, None)
            st.rerun()
    if run.run_id != RECEIVED:
        _steer(run, status)
    if entries:
        chosen = st.dataframe(
            [_line(entry) for entry in entries],
            hide_index=True,
            on_select="rerun",
            selection_mode="single-row",
            key=f"entries_{run.run_id}",
            height=min(260, 38 + 35 * len(entries)),
        ).selection.rows
        is_sending = sending is not None and not sending.read_status().state.is_over
        _offer_to_go_on(run, entries, [entries[place] for place in chosen], is_sending=is_sending)


def _newest_sending(run: RunFolder) -> RunFolder | None:
    """What sends its results home, or last did."""
    sending = (one for one in list_runs(archive_work_root()) if "-sending-" in one.run_id)
    return next((one for one in sending if _sends(one) == run.path.absolute()), None)


def _sends(run: RunFolder) -> Path | None:
    """The work list whose results it sends; None where its settings cannot be read."""
    with suppress(ConfigError):
        return Path(run.settings(WorkConfig).sends)
    return None


def _steer(run: RunFolder, status: RunStatus) -> None:
    """Stop it, or have it go on where it stopped."""
    if not status.state.is_over:
        st.progress(status.progress)
        if st.button("Stop", icon=":material/stop:", key="stop_work"):
            stop_run(run)
    if can_be_resumed(run) and st.button("Go on", icon=":material/play_arrow:", key="go_on"):
        with shown_errors():
            require(Action.ARCHIVE)
            resume_run(run)


def _line(entry: WorkEntry) -> dict[str, Any]:
    return {
        "Case": entry.number,
        "Images": entry.images or None,
        "Score": None if entry.score is None else shown_digits(entry.score),
        "Threshold": entry.side,
        "Sent": entry.sent_at[:16].replace("T", " "),
        "Problem": entry.problem,
    }


def _offer_to_go_on(
    run: RunFolder,
    entries: Sequence[WorkEntry],
    chosen: Sequence[WorkEntry],
    *,
    is_sending: bool,
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        can_open = bool(chosen and chosen[0].case_id)
        if st.button("Open the case", icon=_OPEN, disabled=not can_open):
            ids = [entry.case_id for entry in entries if entry.case_id]
            st.query_params["list"] = keep_worklist(worklists_root(), ids)
            st.query_params["case"] = chosen[0].case_id
            st.rerun()
        unsent = [one for one in entries if one.score is not None and not one.sent_at]
        if unsent and run.run_id != RECEIVED and not is_sending:
            _offer_to_send_all(run, unsent)


def _offer_to_send_all(run: RunFolder, unsent: Sequence[WorkEntry]) -> None:
    config = run.settings(WorkConfig)
    with st.popover("Send all to archive", icon=":material/send:"):
        st.caption(
            f"Of {many(len(unsent), 'case', 'cases')}, to archive “{escaped(config.archive)}”, "
            "each into the woman's own study: 1 structured report and a picture of each image, "
            "with heatmap where it was scored. They bear her name and are marked “NOT FOR "
            "CLINICAL USE”."
        )
        has_states = st.checkbox(_STATES, value=True, key="send_all_states")
        if st.button("Send them", type="primary", key="send_all"):
            with shown_errors():
                require(Action.ARCHIVE)
                cases = cases_root()
                noted = noting("sent a work list to an archive", about=config.archive)
                start_sending(
                    run, archive=config.archive, checkpoint=config.checkpoint, cases=cases,
                    has_states=has_states,
                )  # fmt: skip
                noted()
            st.toast("They are being sent; the list says when each was.")


def show_send(case: Case, layer: Layer) -> None:
    """Beside the exports of a case that came from an archive."""
    from mammo_core.archive.links import read_link

    with noted_errors():
        link = read_link(cases_root(), case.case_id)
        if link is None:
            return
        with st.popover("Send to archive", icon=":material/send:"):
            off = is_off(Action.ARCHIVE)
            if link.left_out:
                st.caption(escaped(link.left_out))
            from mammo_core.archive.results import what_is_sent, with_regions

            read = read_case(case, layer.run, layer.read, make_panes(case, layer.read))
            states = f"states_{case.case_id[:12]}"
            has_states = bool(with_regions(read)) and st.checkbox(_STATES, value=True, key=states)
            st.markdown(escaped(what_is_sent(read, link.archive, has_states=has_states)))
            sent: set[str] = st.session_state.setdefault(_SENT, set())
            name = f"{case.case_id} {layer.run.run_id}"
            is_wanted = _is_wanted(name)
            if name in sent and not is_wanted:
                st.success("Sent, and the archive says that it keeps them.")
            st.button(
                "Send again" if name in sent else "Send", key="send",
                type="secondary" if name in sent else "primary",
                disabled=bool(off), help=off or None, on_click=_want, args=(name,),
            )  # fmt: skip
            if is_wanted:
                require(Action.ARCHIVE)
                sent.discard(name)
                noted = noting(
                    "sent a case to an archive", case=case.case_id, model=layer.run.run_id,
                    about=link.archive,
                )  # fmt: skip
                with st.spinner("Sending…"):  # as it ends, a click made meanwhile ends this run
                    _send(read, link, has_states=has_states)
                    sent.add(name)
                    noted()
                st.rerun()


def _want(name: str) -> None:
    """For a callback: the run of a click may be one in which the case is first read anew."""
    st.session_state[_WANTED] = (name, time.monotonic())


def _is_wanted(name: str) -> bool:
    """Once, of what was clicked just now: nothing is sent because of a click long ago."""
    wanted, clicked = st.session_state.pop(_WANTED, ("", 0.0))
    return bool(wanted == name and time.monotonic() - clicked < _WANTED_SECONDS)


def _send(read: ReadCase, link: "Link", *, has_states: bool) -> None:
    from mammo_core.archive.client import connect
    from mammo_core.archive.results import send_home

    send_home(
        connect(_listed(link.archive)),
        read,
        link,
        look=Appearance(),
        pseudonyms=Pseudonyms(key=installation_key(home() / "key"), case_id=read.case_id),
        has_states=has_states,
    )
