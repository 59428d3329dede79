"""A study fetched from an archive while the reader looks on, and may change their mind."""

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.archive.listed import find_archive
from mammo_core.files import archives_file
from mammo_core.preprocessing.cases import Case
from pages.components.shared.whose import cases_root

if TYPE_CHECKING:
    from mammo_core.archive.client import FoundStudy


def fetch_study(archive: str, study: "FoundStudy", *, modality: str = "MG") -> Case:
    """The study as a case. A click on Cancel ends the script at its next report, and with it what
    is being fetched; nothing of it is kept.
    """
    from mammo_core.archive.client import connect
    from mammo_core.archive.exams import open_study

    with st.container(horizontal=True, vertical_alignment="center"):
        line = st.progress(0.0, text="Asking the archive…", width=420)
        st.button("Cancel", icon=":material/close:", key="cancel_fetching")

    def report(done: int, total: int, message: str) -> None:
        line.progress(min(1.0, done / max(1, total)), text=f"{message}…")

    client = connect(find_archive(archives_file(), archive))
    return open_study(client, study, cases_root(), modality=modality, report=report)
