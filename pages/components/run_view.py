"""A run as it goes, and what it offers when it is over."""

from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.runs.evaluations import list_evaluations
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
    settings = _training_settings(run)
    if is_over:
        with shown_errors():
            _show_end(run, settings)
    else:
        _watch(run, settings)
    if settings is None:
        return
    with noted_errors():
        show_series(run, settings)
    with noted_errors():
        show_settings(run, settings)
    if run.is_checkpoint:
        with noted_errors():
            show_cost(run)


@st.fragment(run_every=1)
def _watch(run: RunFolder, settings: RunConfig | None) -> None:
    with shown_errors():
        status = run.read_status()
    if status.state.is_over:
        st.rerun()  # what a finished run offers lies outside this fragment
    with shown_errors():
        metrics = run.read_metrics()
        _show_state(run, status, settings, metrics=metrics)
    if st.button(
        "Stop", icon=":material/stop:", key=f"stop_{run.run_id}", disabled=run.asked_to_stop
    ):
        run.ask_to_stop()
        st.toast("The run stops after the current batch.")
    show_alarms(metrics)
    show_curves(metrics, floor=_floor(settings), views=_views(settings), key="live")
    _show_log(run)


def _show_end(run: RunFolder, settings: RunConfig | None) -> None:
    _show_state(run, run.read_status(), settings, metrics=pd.DataFrame())
    # An ensemble keeps the settings of its first member, and was trained by none of its own.
    show_actions(run, is_training=settings is not None and not run.is_ensemble)
    if run.is_checkpoint:
        with noted_errors():
            show_results(run)
    metrics = run.read_metrics()
    if not metrics.empty:
        with st.expander("Course of the training", icon=":material/show_chart:", expanded=True):
            show_alarms(metrics)
            show_curves(metrics, floor=_floor(settings), views=_views(settings), key="over")
    _show_log(run)


def _show_log(run: RunFolder) -> None:
    with st.expander("Log", icon=":material/terminal:"):
        st.code(run.read_log(last_lines=40) or "Nothing printed yet.", language=None)


def _show_state(
    run: RunFolder, status: RunStatus, settings: RunConfig | None, *, metrics: pd.DataFrame
) -> None:
    """State and progress; alarms have their own place, so they are left out of the message."""
    counted = f", {_unit(run, settings)}{status.done} of {status.total}" if status.total else ""
    told = escaped(f"{run.run_id}: {_WORDS[status.state]}{counted}")
    st.progress(1.0 if status.state is RunState.FINISHED else status.progress, text=told)
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


def _training_settings(run: RunFolder) -> RunConfig | None:
    """None for runs of another kind, as a scoring is, and for those of another version."""
    try:
        return load_settings(run.file("run.json"), RunConfig)
    except ConfigError:
        return None


def _unit(run: RunFolder, settings: RunConfig | None) -> str:
    """What is counted as the run goes on."""
    if list_evaluations([run]):
        return "image "
    if run.is_ensemble:
        return "model "
    return "epoch " if settings is not None else ""


def _floor(settings: RunConfig | None) -> float:
    return settings.optim.least_sensitivity if settings else 0.0


def _views(settings: RunConfig | None) -> int:
    return settings.model.views if settings else 1
