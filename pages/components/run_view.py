"""A run as it goes, and what it offers when it is over."""

from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import RunState
from pages.components.guard import escaped, noted_errors, shown_errors
from pages.components.train_actions import show_actions
from pages.components.train_cost import show_cost
from pages.components.train_curves import show_alarms, show_curves
from pages.components.train_results import show_results
from pages.components.train_series import show_series
from pages.components.train_settings import show_settings

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
    if not is_over:
        _watch(run)
        _more(run)
        return
    with shown_errors():
        status = run.read_status()
        _head(run, status, metrics=pd.DataFrame())
        show_actions(run)
    if run.is_checkpoint:
        with noted_errors():
            show_results(run)
    with st.expander("Course of the training", icon=":material/show_chart:", expanded=True):
        metrics = run.read_metrics()
        show_alarms(metrics)
        show_curves(metrics, floor=_floor(run), key="over")
    _more(run)


def _more(run: RunFolder) -> None:
    """What a run has beside its course."""
    with noted_errors():
        show_series(run)
    with noted_errors():
        show_settings(run)
    if run.is_checkpoint:
        with noted_errors():
            show_cost(run)
    with st.expander("Log", icon=":material/terminal:"):
        st.code(run.read_log(last_lines=40) or "Nothing printed yet.", language=None)


@st.fragment(run_every=1)
def _watch(run: RunFolder) -> None:
    with shown_errors():
        status = run.read_status()
    if status.state.is_over:
        st.rerun()  # what a finished run offers lies outside this fragment
    with shown_errors():
        metrics = run.read_metrics()
        _head(run, status, metrics=metrics)
    if st.button(
        "Stop", icon=":material/stop:", key=f"stop_{run.run_id}", disabled=run.asked_to_stop
    ):
        run.ask_to_stop()
        st.toast("The run stops after the current batch.")
    show_alarms(metrics)
    show_curves(metrics, floor=_floor(run), key="live")


def _head(run: RunFolder, status: RunStatus, *, metrics: pd.DataFrame) -> None:
    """State and progress; alarms have their own place, so they are left out of the message."""
    counted = f", epoch {status.done} of {status.total}" if status.total else ""
    told = escaped(f"{run.run_id}: {_WORDS[status.state]}{counted}")
    st.progress(status.progress, text=told)
    message = status.message
    if "alarm" in metrics and isinstance(metrics["alarm"].iloc[-1], str):
        message = message.removesuffix(metrics["alarm"].iloc[-1]).strip()
    if not message:
        return
    if status.state in (RunState.FAILED, RunState.LOST):
        st.error(escaped(message), icon=":material/error:")
    elif status.state is RunState.STOPPED:
        st.warning(escaped(message), icon=":material/stop_circle:")
    else:
        st.info(escaped(message), icon=":material/info:")


def _floor(run: RunFolder) -> float:
    try:
        return load_settings(run.file("run.json"), RunConfig).optim.least_sensitivity
    except ConfigError:
        return 0.0  # settings of another kind of run, or of another version, had no floor
