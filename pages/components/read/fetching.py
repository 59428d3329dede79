"""A study fetched from an archive while the reader looks on, and may change their mind."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.archive.listed import find_archive
from mammo_core.files import archives_file
from mammo_core.preprocessing.cases import Case
from pages.components.shared.reruns import until_done
from pages.components.shared.whose import cases_root

if TYPE_CHECKING:
    from pathlib import Path

    from mammo_core.archive.client import ArchiveClient, FoundStudy

_LOOK_SECONDS: Final = 0.5


class Fetching:
    """By a thread of its own: a page that waits for an archive hears no click."""

    def __init__(
        self, client: "ArchiveClient", study: "FoundStudy", root: "Path", *, modality: str
    ) -> None:
        self.done, self.total, self.message = 0, 1, "Asking the archive"
        self.case: Case | None = None
        self.error: BaseException | None = None
        self._is_cancelled = threading.Event()
        self._thread = threading.Thread(
            target=self._fetch, args=(client, study, root, modality), daemon=True
        )
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    @property
    def is_cancelled(self) -> bool:
        return self._is_cancelled.is_set()

    def cancel(self) -> None:
        self._is_cancelled.set()

    def _fetch(
        self, client: "ArchiveClient", study: "FoundStudy", root: "Path", modality: str
    ) -> None:
        from mammo_core.archive.exams import open_study

        try:
            self.case = open_study(
                client, study, root,
                modality=modality, report=self._report, should_stop=self._is_cancelled.is_set,
            )  # fmt: skip
        except BaseException as error:  # noqa: BLE001 - raised again where the page is drawn
            self.error = error

    def _report(self, done: int, total: int, message: str) -> None:
        self.done, self.total, self.message = done, total, message


def begin_fetching(key: str, archive: str, study: "FoundStudy", *, modality: str = "MG") -> None:
    """In place of what is being fetched under that name in this session."""
    from mammo_core.archive.client import connect

    cancel_fetching(key)
    client = connect(find_archive(archives_file(), archive))
    st.session_state[key] = Fetching(client, study, cases_root(), modality=modality)


def cancel_fetching(key: str) -> None:
    fetching = st.session_state.pop(key, None)
    if fetching is not None:
        fetching.cancel()


def raise_failed(key: str) -> None:
    """What went wrong with it, and then never again."""
    fetching: Fetching | None = st.session_state.get(key)
    if fetching is None or fetching.error is None:
        return
    del st.session_state[key]
    if not fetching.is_cancelled:
        raise fetching.error


def show_fetching(key: str, opened: Callable[[Case], None]) -> None:
    """How far it is, and the way out; `opened` is told the case once it is whole. What went wrong
    is raised, once.
    """
    raise_failed(key)
    fetching: Fetching | None = st.session_state.get(key)
    if fetching is not None:
        _watch(key, fetching, opened)


@st.fragment(run_every=_LOOK_SECONDS)
def _watch(key: str, fetching: Fetching, opened: Callable[[Case], None]) -> None:
    if fetching.case is not None:
        with until_done(lambda: st.session_state.pop(key, None)):
            opened(fetching.case)
        st.rerun()
    if fetching.is_cancelled:
        ended = "Cancelled. Nothing of the study was kept."
        st.caption(ended if fetching.is_over else "Cancelling…")
        return
    if fetching.error is not None:
        st.rerun()  # the page tells it: here it would be told at every look
    with st.container(horizontal=True, vertical_alignment="center"):
        share = min(1.0, fetching.done / max(1, fetching.total))
        st.progress(share, text=f"{fetching.message}…", width=420)
        st.button("Cancel", icon=":material/close:", key=f"cancel_{key}", on_click=fetching.cancel)
