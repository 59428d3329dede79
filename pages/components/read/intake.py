"""How images come in: dropped, chosen, or a sample. What stays is a case in the store, or a list of
cases to sort; a click opens one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.files import cases_root, samples_root, worklists_root
from mammo_core.inference.verdict import Verdict, score_cases, verdict_on
from mammo_core.preprocessing.breast import mask_outside_breast
from mammo_core.preprocessing.cases import (
    Arrived,
    Case,
    forget_old_cases,
    group_files,
    keep_worklist,
    list_samples,
    load_case,
    load_worklist,
    place_images,
    store_case,
)
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level
from mammo_core.words import many
from pages.components.read.reading import read_images
from pages.components.read.scores import fit_of, point_for, scored_images
from pages.components.read.studies import show_study_start
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors, shown_errors

_FILES: Final = "dropped_files"
_FOLDER: Final = "dropped_folder"
_NAMES: Final = "names_of_files"
_READ_FIRST: Final = "read_first"


def open_case() -> Case | None:
    """The case in the URL, after taking over what was just dropped; None before there is one."""
    with shown_errors():
        _take_uploads()
    case_id = st.query_params.get("case")
    if not case_id:
        return None
    try:
        return load_case(cases_root(), case_id)
    except MammoError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return None


def is_read_first() -> bool:
    """Whether what is opened waits for a reader's answer before any model sees it."""
    return bool(st.session_state.get(_READ_FIRST))


def shown_name(case: Case, number: int) -> str:
    """What the reader's own computer calls a file, while this tab is open; it is kept nowhere."""
    names = st.session_state.get(_NAMES, {}).get(case.case_id, ())
    return f" ({names[number - 1]})" if number <= len(names) else ""


def show_intake() -> None:
    """The place to drop files or a folder, and the samples to click."""
    files, folder = st.columns(2)
    files.file_uploader(
        "Drop mammograms: DICOM, PNG, JPEG, TIFF or PGM",
        accept_multiple_files=True,
        key=_FILES,
        help="Files are told apart by their content, whatever they are called. They stay on this "
        "computer; names and dates in them are not kept. Of a tomosynthesis larger than is taken "
        "here, export the two-dimensional image alone.",
    )
    folder.file_uploader("Or a whole folder", accept_multiple_files="directory", key=_FOLDER)
    st.toggle(
        "Read first",
        key=_READ_FIRST,
        help="For a reader study: what is opened is not scored before a reader has answered.",
    )
    samples = list_samples(samples_root())
    if samples:
        st.caption("Or open a synthetic sample:")
    with st.container(horizontal=True):
        for sample in samples:
            if st.button(sample.title, key=f"sample_{sample.name}", icon=":material/image:"):
                with shown_errors():
                    case = store_files([path.read_bytes() for path in sample.files])
                    place_images(cases_root(), case, sample)
                st.rerun()


def _take_uploads() -> None:
    """Store what was dropped, once: an uploader hands the same files to every later run."""
    for key in (_FILES, _FOLDER):
        uploads = st.session_state.get(key) or []
        ids = tuple(upload.file_id for upload in uploads)
        if ids and st.session_state.get(f"{key}_taken") != ids:
            names = [upload.name for upload in uploads]
            cases = store_cases([upload.getvalue() for upload in uploads], names)
            st.session_state[f"{key}_taken"] = ids
            st.session_state[_NAMES] = {
                case.case_id: [names[place] for place in places] for case, places in cases
            }


def store_cases(files: list[bytes], names: list[str]) -> list[tuple[Case, list[int]]]:
    """Store `files` as the cases they make, with the places of each case's files; several make a
    list. Names are compared for the folder in them, and kept nowhere.
    """
    arrived = [
        Arrived(content=content, folder=name.replace("\\", "/").rpartition("/")[0])
        for content, name in zip(files, names, strict=True)
    ]
    groups = group_files(arrived)
    cases = []
    with _reading(len(files)) as step:
        for places in groups:
            cases.append((_store([files[place] for place in places], step), places))
    st.query_params.pop("case", None)
    st.query_params.pop("list", None)
    if len(cases) == 1:
        st.query_params["case"] = cases[0][0].case_id
    else:
        ids = list(dict.fromkeys(case.case_id for case, _ in cases))
        st.query_params["list"] = keep_worklist(worklists_root(), ids)
    return cases


def store_files(files: list[bytes]) -> Case:
    """Make `files` the case in the URL."""
    with _reading(len(files)) as step:
        case = _store(files, step)
    st.query_params.pop("list", None)
    st.query_params["case"] = case.case_id
    return case


def _store(files: list[bytes], step: Callable[[], None]) -> Case:
    root = cases_root()
    root.mkdir(parents=True, exist_ok=True)
    forget_old_cases(root)
    return store_case(
        files,
        root,
        read=read_mammogram,
        mask=mask_outside_breast,
        now=time.time(),
        report=lambda done, total: step(),
    )


@contextmanager
def _reading(files: int) -> Iterator[Callable[[], None]]:
    """A bar that goes on by one file at every call."""
    bar = st.progress(0.0, text="Reading…")
    done = 0

    def step() -> None:
        nonlocal done
        bar.progress(min(1.0, done / files), text=f"Reading {done + 1} of {files}…")
        done += 1

    yield step
    bar.empty()


_PATIENCE = 0.5  # seconds without a bar: a list that is known comes at once
_VISITS = "worklist_visits"  # the table is a new one at every visit, with nothing chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One case as the list shows it."""

    case_id: str
    views: str
    images: int
    score: float | None  # of the highest of its exams
    verdict: str
    remarks: str


def has_worklist() -> bool:
    return "list" in st.query_params


def listed_cases() -> list[str]:
    """The cases of the list in the URL, as they came."""
    with shown_errors():
        return list(load_worklist(worklists_root(), st.query_params["list"]))


def show_way_back() -> None:
    """From a case to the list it came with."""
    if not has_worklist() or "case" not in st.query_params:
        return
    if st.button("Back to the list", icon=":material/list:", key="to_list"):
        st.query_params.pop("case", None)
        st.rerun()


def show_worklist(run: RunFolder | None) -> None:
    lines = _lines(listed_cases(), run)
    st.caption(
        f"{many(len(lines), 'case', 'cases')}. Click on the left of a row to open it; click on a "
        "column's name to sort. A score is the highest of a case's images."
    )
    visit = st.session_state.setdefault(_VISITS, 0)
    chosen = st.dataframe(
        [_row(number, line) for number, line in enumerate(lines, start=1)],
        hide_index=True,
        key=f"worklist_{visit}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Score": st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)
        },
    )
    if chosen.selection.rows:
        st.session_state[_VISITS] = visit + 1
        st.query_params["case"] = lines[chosen.selection.rows[0]].case_id
        st.rerun()
    if run is not None:
        with st.expander("Read them in a reader study", icon=":material/groups:"):
            show_study_start([line.case_id for line in lines], run)


def _lines(case_ids: list[str], run: RunFolder | None) -> list[Line]:
    lines = []
    started = time.monotonic()
    with st.empty():
        for done, case_id in enumerate(case_ids):
            if time.monotonic() - started > _PATIENCE:
                st.progress(done / len(case_ids), text=f"Scoring {done + 1} of {len(case_ids)}…")
            lines.append(_line(case_id, run))
        st.container()
    return lines


def _line(case_id: str, run: RunFolder | None) -> Line:
    try:
        case = load_case(cases_root(), case_id)
    except MammoError as error:
        return Line(case_id=case_id, views="", images=0, score=None, verdict="", remarks=str(error))
    score, verdict, remarks = None, "", _refusals(case)
    if run is not None:
        with noted_errors():
            score, verdict, told = _judged(case, run)
            remarks += told
    return Line(
        case_id=case_id,
        views=", ".join(image.title for image in case.images),
        images=len(case.images),
        score=score,
        verdict=verdict,
        remarks=" ".join(remarks),
    )


def _refusals(case: Case) -> list[str]:
    return [f"File {refusal.number}: {refusal.sentence}" for refusal in case.refusals]


def _judged(case: Case, run: RunFolder) -> tuple[float | None, str, list[str]]:
    """The highest score, its verdict in words, and why images have none."""
    card = cached.card(run)
    fit = fit_of(case, card)
    images = scored_images(case, read_images(run, case, fit.scored).readings)
    point = point_for(images, run, card)
    scored = score_cases(images, point)
    verdicts = [verdict for one in scored if (verdict := verdict_on(one, point))]
    scores = [one.score for one in scored if one.level is Level.IMAGE]
    return max(scores, default=None), _in_words(verdicts), list(fit.refused)


def _in_words(verdicts: list[Verdict]) -> str:
    if not verdicts:
        return ""
    return "above" if any(verdict.is_above for verdict in verdicts) else "below"


def _row(number: int, line: Line) -> dict[str, str | int | float | None]:
    return {
        "Case": number,
        "Images": line.images,
        "Views": line.views,
        "Score": line.score,
        "Threshold": line.verdict,
        "Remarks": line.remarks,
    }
