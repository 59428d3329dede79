"""A job that a page started: how far it has come, how it ended, and the button that stops it."""

import streamlit as st

from mammo_core.runs.folder import RunFolder
from mammo_core.types import RunState
from pages.components.guard import escaped, noted_errors


def show_job(run: RunFolder) -> bool:
    """While it lives it is looked at again every second. Returns whether it is over."""
    with noted_errors():
        status = run.read_status()
        if not status.state.is_over:
            _watch(run)
            return False
        words = escaped(f"{run.run_id} {status.state}. {status.message}")
        if status.state is RunState.FINISHED:
            st.caption(words)
        else:
            st.warning(words, icon=":material/report:")
    return True


@st.fragment(run_every=1)
def _watch(run: RunFolder) -> None:
    with noted_errors():
        status = run.read_status()
        if status.state.is_over:
            st.rerun()  # what it has found is shown outside this fragment
        st.progress(
            status.progress, text=escaped(f"{status.state}: {status.message or run.run_id}")
        )
        if st.button("Stop", icon=":material/stop:", key=f"stop_{run.run_id}"):
            run.ask_to_stop()
