"""Writing down that the results of a test set were shown: once for a run and a visit."""

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from mammo_core.runs.folder import RunFolder
from mammo_core.runs.openings import note_opening
from mammo_core.runs.operating_points import has_points
from mammo_core.types import Split
from pages.components.guard import noted_errors

_SEEN: Final = "test_results_seen"  # runs whose look in this visit is written down


def note_look(run: RunFolder | None, split: str) -> None:
    """A look at `run` is one at its test set where `split` is, or where it was only evaluated."""
    if run is None or (has_points(run) and split != Split.TEST):
        return
    seen = st.session_state.setdefault(_SEEN, set())
    if run.path in seen:
        return
    seen.add(run.path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with noted_errors():
        note_opening(run, by="Thresholds and Compare pages", now=now)
