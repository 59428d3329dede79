"""How images come in: dropped, chosen, or a sample. What stays is a case in the store."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.paths import cases_root, samples_root, worklists_root
from mammo_core.preprocessing.breast import mask_outside_breast
from mammo_core.preprocessing.cases import (
    Arrived,
    Case,
    forget_old_cases,
    group_files,
    keep_worklist,
    load_case,
    store_case,
)
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.preprocessing.samples import list_samples, place_images
from pages.components.shared.frame import escaped

_FILES: Final = "dropped_files"
_FOLDER: Final = "dropped_folder"
_NAMES: Final = "names_of_files"
_READ_FIRST: Final = "read_first"


def open_case() -> Case | None:
    """The case in the URL, after taking over what was just dropped; None before there is one."""
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
