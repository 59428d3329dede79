"""How images come in: dropped, chosen, or a sample. What stays is a case in the store."""

import time
from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.paths import cases_root, samples_root
from mammo_core.preprocessing.case_store import (
    Case,
    forget_old_cases,
    load_case,
    store_case,
)
from mammo_core.preprocessing.masking import mask_outside_breast
from mammo_core.preprocessing.read import read_mammogram
from mammo_core.preprocessing.samples import list_samples
from pages.components.guard import escaped

_FILES: Final = "dropped_files"
_FOLDER: Final = "dropped_folder"
_NAMES: Final = "names_of_files"


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
        "computer; names and dates in them are not kept.",
    )
    folder.file_uploader("Or a whole folder", accept_multiple_files="directory", key=_FOLDER)
    samples = list_samples(samples_root())
    if samples:
        st.caption("Or open a synthetic sample:")
    with st.container(horizontal=True):
        for sample in samples:
            if st.button(sample.title, key=f"sample_{sample.name}", icon=":material/image:"):
                store_files([path.read_bytes() for path in sample.files])
                st.rerun()


def _take_uploads() -> None:
    """Store what was dropped, once: an uploader hands the same files to every later run."""
    for key in (_FILES, _FOLDER):
        uploads = st.session_state.get(key) or []
        ids = tuple(upload.file_id for upload in uploads)
        if ids and st.session_state.get(f"{key}_taken") != ids:
            case = store_files([upload.getvalue() for upload in uploads])
            st.session_state[f"{key}_taken"] = ids
            st.session_state[_NAMES] = {case.case_id: [upload.name for upload in uploads]}


def store_files(files: list[bytes]) -> Case:
    """Make `files` the case in the URL."""
    root = cases_root()
    root.mkdir(parents=True, exist_ok=True)
    forget_old_cases(root)
    bar = st.progress(0.0, text="Reading…")

    def report(done: int, total: int) -> None:
        bar.progress(done / total, text=f"Reading {done + 1} of {total}…")

    case = store_case(
        files,
        root,
        read=read_mammogram,
        mask=mask_outside_breast,
        now=time.time(),
        report=report,
    )
    bar.empty()
    st.query_params["case"] = case.case_id
    return case
