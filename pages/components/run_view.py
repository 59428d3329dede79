"""A run as it goes: state, progress, curves, the end of its log, and the button that stops it."""

from typing import Final

import streamlit as st

from mammo_core.plots.training import epoch_curve
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.resume import can_be_resumed, resume_run
from mammo_core.types import RunState
from pages.components.guard import escaped, shown_errors

_WORDS: Final = {
    RunState.QUEUED: "waiting for its turn",
    RunState.RUNNING: "running",
    RunState.FINISHED: "finished",
    RunState.STOPPED: "stopped",
    RunState.FAILED: "failed",
    RunState.LOST: "lost",
}


def show_run(run: RunFolder) -> None:
    """The run's present state; while it lives, looked at again every second."""
    with shown_errors():
        is_over = run.read_status().state.is_over
    if is_over:
        with shown_errors():
            _show(run, key="over")
            _offer_resume(run)
    else:
        _watch(run)


def _offer_resume(run: RunFolder) -> None:
    """A run that did not finish goes on from where its state was last kept."""
    if not can_be_resumed(run):
        return
    if st.button("Resume", icon=":material/resume:", key=f"resume_{run.run_id}"):
        resume_run(run)
        st.rerun()


@st.fragment(run_every=1)
def _watch(run: RunFolder) -> None:
    with shown_errors():
        status = run.read_status()
    if status.state.is_over:
        st.rerun()  # what a finished run offers lies outside this fragment
    with shown_errors():
        _show(run, key="live")
    if st.button(
        "Stop", icon=":material/stop:", key=f"stop_{run.run_id}", disabled=run.asked_to_stop
    ):
        run.ask_to_stop()
        st.toast("The run stops after the current batch.")


def _show(run: RunFolder, *, key: str) -> None:
    status = run.read_status()
    st.progress(status.progress, text=_sentence(run, status))
    if status.message:
        _message_box(status)
    metrics = run.read_metrics()
    if not metrics.empty:
        left, right = st.columns(2)
        left.plotly_chart(epoch_curve(metrics, "loss", title="Loss"), key=f"{key}_loss")
        right.plotly_chart(epoch_curve(metrics, "auc", title="AUC by image"), key=f"{key}_auc")
    with st.expander("Log", icon=":material/terminal:"):
        st.code(run.read_log(last_lines=40) or "Nothing printed yet.", language=None)


def _sentence(run: RunFolder, status: RunStatus) -> str:
    counted = f", epoch {status.done} of {status.total}" if status.total else ""
    return escaped(f"{run.run_id}: {_WORDS[status.state]}{counted}")


def _message_box(status: RunStatus) -> None:
    if status.state in (RunState.FAILED, RunState.LOST):
        st.error(escaped(status.message), icon=":material/error:")
    elif status.state is RunState.STOPPED:
        st.warning(escaped(status.message), icon=":material/stop_circle:")
    else:
        st.info(escaped(status.message), icon=":material/info:")
