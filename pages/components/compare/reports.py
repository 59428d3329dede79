"""The study report and the model card of a run, made on request and taken away as files."""

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from mammo_core.files import (
    audits_root,
    checkpoints_root,
    shipped_checkpoints_root,
)
from mammo_core.glossary import meaning
from mammo_core.runs.folder import RunFolder
from pages.components.compare.compared import Compared
from pages.components.shared.frame import noted_errors
from pages.components.shared.whose import sight_of, studies_root

_KINDS: Final = {
    "Study report, HTML": ("report", "html", "text/html"),
    "Study report, Markdown": ("report", "md", "text/markdown"),
    "Model card, HTML": ("card", "html", "text/html"),
    "Model card, Markdown": ("card", "md", "text/markdown"),
}
_CALLED: Final = {"report": "study report", "card": "model card"}


def show_reports(compared: Compared) -> None:
    """Of any of the compared runs."""
    runs = compared.runs
    if not runs:
        st.info("Reports and cards are of a model here; an uploaded table has none.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Report of", list(runs), key="report_of", bind="query-params")
        kind = st.selectbox("As", list(_KINDS), key="report_as", help=meaning("Model card"))
        is_asked = st.button("Make it", icon=":material/summarize:", key="report_make")
    st.caption(
        "Data with audit, flow, Table 1, results with intervals, threshold promised and delivered, "
        "limits, and the checklists CLAIM 2024, STARD-AI and TRIPOD+AI as far as the run fills "
        "them. Making one is a look at the test set, and is counted."
    )
    if is_asked:
        with noted_errors(), st.spinner("Measuring…"):
            _offer(runs[name], kind)


def _offer(run: RunFolder, kind: str) -> None:
    what, form, mime = _KINDS[kind]
    st.download_button(
        f"Download the {_CALLED[what]} ({form})", _made(run, what, form),
        f"{run.run_id}-{what}.{form}", mime, key="report_file", icon=":material/download:",
        on_click="ignore",
    )  # fmt: skip


def _made(run: RunFolder, what: str, form: str) -> str:
    from mammo_core.reports.study.report import Format, card_text, study_text  # slow, asked for

    roots = (checkpoints_root(), shipped_checkpoints_root())
    if what == "card":
        return card_text(run, roots, audits=audits_root(), form=Format(form), sight=sight_of(run))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return study_text(
        run, roots, audits=audits_root(), form=Format(form), by="Compare page", now=now,
        studies=studies_root(), sight=sight_of(run),
    )  # fmt: skip
