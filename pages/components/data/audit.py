"""The audit of a data set: started, watched, stopped, and its findings to open one by one."""

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from mammo_core.datasets.audit.result import (
    AUDIT_FILE,
    FIRST_FILE,
    REPORT_FILE,
    AuditResult,
    Finding,
    Severity,
    read_audit,
)
from mammo_core.datasets.dataset import Registered, latest_audit, start_audit
from mammo_core.files import audits_root
from mammo_core.glossary import meaning
from mammo_core.runs.folder import RunFolder
from mammo_core.sharing.rights import Action
from mammo_core.types import RunState
from mammo_core.words import short_day
from pages.components.shared import cached
from pages.components.shared.frame import escaped, shown_errors
from pages.components.shared.whose import is_off, owning, require, require_stopping

_LOOKS: Final = {
    Severity.SERIOUS: (":material/error:", "red"),
    Severity.WARNING: (":material/warning:", "orange"),
    Severity.NOTE: (":material/info:", "gray"),
}
_THUMBNAIL: Final = 150  # pixels
_MOST_PICTURES: Final = 8


def show_audit(entry: Registered, *, fingerprint: str) -> None:
    """The newest audit of `entry`; `fingerprint` tells whether the data have changed since."""
    run = latest_audit(entry, audits_root())
    if run is not None and not run.read_status().state.is_over:
        _watch(run)
        if run.file(FIRST_FILE).exists():
            first = read_audit(run.file(FIRST_FILE))
            st.caption(f"First answer, from {first.looked_at} of {first.images} files:")
            _show_findings(first, entry)
        return
    if run is not None and run.file(AUDIT_FILE).exists():
        result = cached.audit(run)
        if result.fingerprint != fingerprint:
            st.warning("The data set has changed since this audit.", icon=":material/history:")
        _show_result(result, run, entry)
    elif run is not None:
        status = run.read_status()
        show = st.warning if status.state is RunState.STOPPED else st.error
        show(escaped(f"The audit was {status.state}. {status.message}"), icon=":material/report:")
    else:
        st.write("Not audited yet. Every file is looked at once, in a process of its own.")
    label = "Audit" if run is None else "Audit again"
    off = is_off(Action.REGISTER)
    if st.button(
        label, icon=":material/search_check:", type="primary", key="audit_start",
        disabled=bool(off), help=off or None,
    ):  # fmt: skip
        require(Action.REGISTER)
        start_audit(entry, audits_root(), own=owning(action="started an audit"))
        st.rerun()


@st.fragment(run_every=1)
def _watch(run: RunFolder) -> None:
    with shown_errors():
        status = run.read_status()
    if status.state.is_over:
        st.rerun()
    st.progress(status.progress, text=escaped(status.message) or "Waiting for its turn")
    if st.button("Stop", icon=":material/stop:", key="audit_stop", disabled=run.is_asked_to_stop()):
        with shown_errors():
            require_stopping(run)
        run.ask_to_stop()


def _show_result(result: AuditResult, run: RunFolder, entry: Registered) -> None:
    _show_findings(result, entry)
    if result.shortcuts:
        st.subheader(
            "What guesses the label without the breast",
            help=meaning("Confounder", "Baseline", "AUC", "Leak"),
        )
        st.dataframe(
            [
                {
                    "guessed from": shortcut.name,
                    "counted by": str(shortcut.level),
                    "AUC": f"{shortcut.auc:.3f}",
                    "95 % interval": f"{shortcut.low:.3f} to {shortcut.high:.3f}",
                    "with": shortcut.positives,
                    "without": shortcut.negatives,
                    "women": shortcut.women,
                }
                for shortcut in result.shortcuts
            ],
            hide_index=True,
        )
    with st.expander("Sizes and kinds of file", icon=":material/aspect_ratio:"):
        st.dataframe(
            [
                {
                    "size": f"{shape.height} x {shape.width}",
                    "bits": shape.bits,
                    "kind": shape.kind,
                    "images": shape.images,
                }
                for shape in result.shapes
            ],
            hide_index=True,
        )
    st.caption(escaped(f"Audited {_told(result.made_at)} under the rule {result.label_rule}."))
    with st.container(horizontal=True):
        for name, label in ((REPORT_FILE, "Report (HTML)"), (AUDIT_FILE, "Findings (JSON)")):
            data = run.file(name).read_bytes()
            st.download_button(label, data, file_name=name, icon=":material/download:", key=name)


def _show_findings(result: AuditResult, entry: Registered) -> None:
    columns = st.columns(3)
    for column, severity in zip(columns, Severity, strict=True):
        column.metric(severity.capitalize(), len(result.of(severity)), border=True)
    for number, finding in enumerate(result.findings):
        _show_finding(finding, entry, key=f"finding_{number}")


def _show_finding(finding: Finding, entry: Registered, *, key: str) -> None:
    icon, colour = _LOOKS[finding.severity]
    title = f":{colour}[{finding.severity.upper()}] {escaped(finding.sentence)}"
    with st.expander(title, icon=icon, key=key, on_change="rerun") as opened:
        if not opened.open:
            return
        for row in range(0, min(len(finding.pictures), _MOST_PICTURES), 4):
            for column, path in zip(st.columns(4), finding.pictures[row : row + 4], strict=False):
                name = path.rpartition("/")[2]
                data = cached.picture(entry.folder, path, side=_THUMBNAIL)
                if data is not None:
                    column.image(data, alt=name)
                column.caption(escaped(name))
        if finding.rows:
            st.caption(f"{len(finding.rows)} rows")
            st.dataframe({"row": finding.rows}, hide_index=True)


def _told(moment: str) -> str:
    """An ISO 8601 time as one writes it: 28 Nov 2026, 08:15 UTC."""
    when = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{short_day(when)} {when:%Y, %H:%M} UTC"
