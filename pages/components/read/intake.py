"""How images come in: dropped, chosen, or a sample. What stays is a case in the store, or a list of
cases; and what a visitor who has brought nothing yet is shown.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mammo_core.errors import MammoError
from mammo_core.files import samples_root, shipped_checkpoints_root
from mammo_core.inference.kept import SAMPLE_READINGS, find_kept, place_of
from mammo_core.preprocessing.cases import (
    Case,
    forget_old_cases,
    load_case,
    store_case,
    with_names,
)
from mammo_core.preprocessing.file_names import NamedPlace, place_of_name
from mammo_core.preprocessing.grouping import Arrived, group_files
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.preprocessing.samples import Sample, list_samples, place_images
from mammo_core.runs.folder import RunFolder
from pages.components.read.reading import DEFAULT_METHOD
from pages.components.shared.caselist.origin import forget_origin
from pages.components.shared.frame import escaped, shown_errors
from pages.components.shared.reruns import until_done
from pages.components.shared.viewer.viewer import ShownCase
from pages.components.shared.whose import cases_root, note_once, only_ones_own

_FILES: Final = "dropped_files"
_FOLDER: Final = "dropped_folder"
_TAKEN: Final = "taken_files"
_NAMES: Final = "names_of_files"
_SEEN: Final = "cases_of_session"
_WANTED: Final = "wanted_sample"
_READ_FIRST: Final = "read_first"


def open_case() -> Case | None:
    """The case in the URL, after taking over what was just dropped; None before there is one."""
    with st.container(), shown_errors():  # so that what follows keeps its place
        _take_uploads()
        _take_sample()
    case_id = st.query_params.get("case")
    if not case_id:
        return None
    try:
        case = load_case(cases_root(), case_id)
    except MammoError as error:
        st.error(escaped(f"{error}{only_ones_own()}"), icon=":material/error:")
        return None
    remember_case(case_id)
    with shown_errors():  # what the log has no room for is not shown
        note_once("opened a case", case=case_id)
    return case


def remember_case(case_id: str) -> None:
    """Among those opened in this session, in the order in which they came."""
    seen = seen_cases()
    if case_id not in seen:
        seen.append(case_id)


def seen_cases() -> list[str]:
    """The ids of the cases opened in this session; to be changed in place."""
    seen: list[str] = st.session_state.setdefault(_SEEN, [])
    return seen


def is_read_first() -> bool:
    """Whether what is opened waits for a reader's answer before any model sees it."""
    return bool(st.session_state.get(_READ_FIRST))


def name_files(case: Case, names: Sequence[str]) -> None:
    """What the reader knows the files of `case` by, while this tab is open; `names` are of all of
    them, in the order in which they came.
    """
    images = {image.number: image.ref.image_id for image in case.images}
    _keep_names(case, {images.get(n, str(n)): name for n, name in enumerate(names, start=1)})


def carry_names(case: Case, old: Sequence[Case]) -> None:
    """`case` was made of images of `old` ones: each keeps its name."""
    known = {key: name for one in old for key, name in names_of(one.case_id).items()}
    ids = [image.ref.image_id for image in case.images]
    _keep_names(case, {image_id: known[image_id] for image_id in ids if image_id in known})


def _keep_names(case: Case, names: dict[str, str]) -> None:
    st.session_state.setdefault(_NAMES, {})[case.case_id] = names


def names_of(case_id: str) -> dict[str, str]:
    """What the reader's own computer calls the files, while this tab is open; kept nowhere else. By
    image id, and by its number where a file was refused: another session may number a case anew.
    """
    return dict(st.session_state.get(_NAMES, {}).get(case_id, {}))


def named(case: Case) -> Case:
    """`case` for the screen alone: an image of no known place is called by its file's name."""
    names = {key: name.rpartition("/")[2] for key, name in names_of(case.case_id).items()}
    return with_names(case, names)


def proposed_places(case: Case) -> dict[str, NamedPlace]:
    """By image id, what the files' names say of side and view where the files themselves do not."""
    names, found = names_of(case.case_id), {}
    for image in case.images:
        if image.ref.image_id not in names:
            continue
        said = place_of_name(names[image.ref.image_id])
        said = replace(said, **dict.fromkeys(image.corrected))  # the reader has said otherwise
        added = NamedPlace(
            side=None if image.ref.side else said.side, view=None if image.ref.view else said.view
        )
        if added.words:
            found[image.ref.image_id] = NamedPlace(
                side=image.ref.side or said.side, view=image.ref.view or said.view
            )
    return found


def show_drop() -> None:
    """One place to drop files or folders."""
    with st.container(key="drop"):
        st.file_uploader(
            "Drop mammograms here, as files or as whole folders: DICOM, PNG, JPEG, TIFF or PGM",
            accept_multiple_files=True,
            key=_FILES,
            help="Files are told apart by their content, whatever they are called. They stay on "
            "this computer; names and dates in them are not kept. Of a tomosynthesis larger than "
            "is taken here, export the two-dimensional image alone.",
        )


def show_choices() -> None:
    """What else there is to choose as images come in."""
    st.file_uploader("A whole folder", accept_multiple_files="directory", key=_FOLDER)
    st.toggle(
        "Read first",
        key=_READ_FIRST,
        help="For a reader study: what is opened is not scored before a reader has answered.",
    )


def show_samples(*, is_first: bool = False) -> None:
    """A button for each sample; on the first visit with its picture, and a word at that which is
    open already.
    """
    samples = list_samples(samples_root())
    with st.container(key="samples", width="content", horizontal=True):
        for sample in samples:
            with st.container(
                key=f"tile_{sample.name}", width="content", horizontal=True, gap="xsmall",
                vertical_alignment="center",
            ):  # fmt: skip
                if is_first and sample.picture is not None:
                    st.image(sample.picture, alt="")
                is_open = is_first and sample is samples[0]
                st.button(
                    f"{sample.title}, shown below" if is_open else sample.title,
                    key=f"sample_{sample.name}", on_click=_want, args=(sample.name,),
                    type="tertiary" if is_first else "secondary",
                )  # fmt: skip


def _want(name: str) -> None:
    st.session_state[_WANTED] = (name, st.query_params.get("case"))


def _take_sample() -> None:
    """Open the sample that was clicked on, unless another case was opened since."""
    wanted, before = st.session_state.get(_WANTED, (None, None))
    if wanted is None:
        return
    with until_done(lambda: st.session_state.pop(_WANTED, None)):
        if st.query_params.get("case") != before:
            return
        for sample in list_samples(samples_root()):
            if sample.name == wanted:
                open_sample(sample)


def open_sample(sample: Sample) -> None:
    """Make the sample the case in the URL, where it comes last: all of it is there by then."""
    case = keep_files([path.read_bytes() for path in sample.files])
    place_images(cases_root(), case, sample)
    name_files(case, [path.name for path in sample.files])
    forget_origin()
    st.query_params["case"] = case.case_id


def example_case() -> Case | None:
    """The first sample as a case, not in the URL; None where no samples are here."""
    sample = next(iter(list_samples(samples_root())), None)
    if sample is None:
        return None
    case = _store([path.read_bytes() for path in sample.files], lambda: None)
    place_images(cases_root(), case, sample)
    return load_case(cases_root(), case.case_id)


def example_model(case: Case) -> RunFolder | None:
    """The checkpoint that keeps its reading of the example, so that none has to be loaded."""
    places = [place_of(image.ref) for image in case.images]
    for folder in sorted(shipped_checkpoints_root().glob(f"*/{SAMPLE_READINGS}")):
        run = RunFolder(folder.parent)
        if find_kept(run, places, DEFAULT_METHOD) is not None:
            return run
    return None


def _take_uploads() -> None:
    """Store what was dropped, once: an uploader hands the same files to every later run, with those
    that were dropped on it since.
    """
    taken: set[str] = st.session_state.setdefault(_TAKEN, set())
    for key in (_FILES, _FOLDER):
        uploads = [one for one in st.session_state.get(key) or [] if one.file_id not in taken]
        if uploads:
            names = [upload.name.replace("\\", "/") for upload in uploads]
            cases = store_cases([upload.getvalue() for upload in uploads], names)
            taken.update(upload.file_id for upload in uploads)
            for case, places in cases:
                name_files(case, [names[place] for place in places])
            _let_go(uploads)


def _let_go(uploads: Sequence[UploadedFile]) -> None:
    """Streamlit would hold the bytes of a file as long as its tab is open, and two minutes more."""
    context = get_script_run_ctx()
    store = context.uploaded_file_mgr if context else None
    for upload in uploads:
        upload.seek(0)
        upload.truncate()
        if context and isinstance(store, MemoryUploadedFileManager):
            store.remove_file(context.session_id, upload.file_id)


def store_cases(files: list[bytes], names: list[str]) -> list[tuple[Case, list[int]]]:
    """Store `files` as the cases they make, with the places of each case's files. Names are looked
    at for folder and woman, and kept nowhere.
    """
    arrived = [
        Arrived(content=content, name=name) for content, name in zip(files, names, strict=True)
    ]
    cases = []
    with _reading(len(files)) as step:
        for places in group_files(arrived):
            cases.append((_store([files[place] for place in places], step), places))
    forget_origin()
    ids = list(dict.fromkeys(case.case_id for case, _ in cases))
    st.query_params["case"] = ids[0]
    for case_id in ids:
        remember_case(case_id)
    return cases


def keep_files(files: list[bytes]) -> Case:
    """`files` as a case in the store."""
    with _reading(len(files)) as step:
        return _store(files, step)


def _store(files: list[bytes], step: Callable[[], None]) -> Case:
    root = cases_root()
    root.mkdir(parents=True, exist_ok=True)
    forget_old_cases(root)
    return store_case(
        files,
        root,
        keep=keep_mammogram,
        now=time.time(),
        report=lambda done, total: step(),
    )


_PANES: Final = 4
LIST: Final = "read_cases"  # the key of the case list at the left
SHOWN: Final = "case_shown"  # the container of all that is told of one case
_WHOLE: Final = "case_on_the_page"
#: What a run has not drawn anew stays on the page until its end. A page that is redrawn soon does
#: not flicker for it.
_OLD: Final = f".st-key-{SHOWN} [data-stale='true']"
_HIDDEN: Final = f"<style>{_OLD} {{ visibility: hidden; transition: visibility 0s 0.3s; }}</style>"
_HIDDEN_AT_ONCE: Final = f"<style>{_OLD} {{ visibility: hidden; }}</style>"  # it takes a while
_NOT_HIDDEN: Final = f"<style>.st-key-{SHOWN} {{ visibility: visible; }}</style>"


def shown_on_read(case: Case) -> ShownCase:
    return ShownCase(case_id=case.case_id, list=LIST, key=case.case_id)


def hide_last_case(opened: Case | None) -> None:
    """Until the page tells of `opened` alone, nothing that it told of another case is to be seen:
    no score may stand beside an image it is not of.
    """
    is_new = st.session_state.get(_WHOLE) != _name_of(opened)
    st.html(_HIDDEN if is_new else _NOT_HIDDEN)


def note_whole(opened: Case | None) -> None:
    """The page has been drawn to its end."""
    st.session_state[_WHOLE] = _name_of(opened)


def _name_of(opened: Case | None) -> str:
    return "" if opened is None else opened.case_id


@contextmanager
def _reading(files: int) -> Iterator[Callable[[], None]]:
    """One line of what is being done, and empty panes; the line goes on at every call."""
    st.html(_HIDDEN_AT_ONCE)
    place = st.empty()
    done = 0
    with place.container():
        line = st.empty()
        line.progress(0.0, text="Reading…")
        panes = "".join("<div></div>" for _ in range(min(files, _PANES)))
        st.html(f'<div class="waiting-panes" aria-hidden="true">{panes}</div>')

    def step() -> None:
        nonlocal done
        line.progress(min(1.0, done / files), text=f"Reading {done + 1} of {files}…")
        done += 1

    yield step
    place.empty()
