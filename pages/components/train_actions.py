"""What can be done with a run that is over: go on, start again, use what it made."""

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.resume import can_be_resumed, resume_run
from mammo_core.training.again import made_to_fit, read_fitting, settings_of
from mammo_core.types import RunState
from pages.components.guard import escaped
from pages.components.pickers import can_read
from pages.components.train_origin import start_from
from pages.components.train_start import start_one


def show_actions(run: RunFolder, *, is_training: bool) -> None:
    """`is_training` tells whether the settings of `run` are those of a training."""
    with st.container(horizontal=True):
        if can_read(run):
            _link_to_use(run)
        elif run.has_predictions:
            _link_to_judge(run)
        if can_be_resumed(run) and st.button(
            "Resume", icon=":material/resume:", key=f"resume_{run.run_id}"
        ):
            resume_run(run)
            st.rerun()
        if run.read_status().state is RunState.FAILED:
            _offer_fitting(run)
        if is_training:
            st.button(
                "Start again with these settings", icon=":material/content_copy:",
                key=f"copy_{run.run_id}", on_click=_copy, args=(run,),
            )  # fmt: skip


def _link_to_use(run: RunFolder) -> None:
    st.page_link(
        "pages/read.py",
        label="Use in Read",
        icon=":material/radiology:",
        query_params={"model": run.run_id},
    )
    if not run.has_predictions:  # it came from elsewhere without them
        return
    _link_to_judge(run)


def _link_to_judge(run: RunFolder) -> None:
    st.page_link(
        "pages/thresholds.py",
        label="Set operating point",
        icon=":material/tune:",
        query_params={"run": run.run_id},
    )
    st.page_link(
        "pages/compare.py",
        label="Compare",
        icon=":material/leaderboard:",
        query_params={"models": run.run_id},
    )


def _offer_fitting(run: RunFolder) -> None:
    """After the memory ran out: the same, in batches that were tried out and fit."""
    fitting = read_fitting(run)
    if fitting is None:
        return
    if st.button(
        f"Start again in batches of {fitting.batch_size}, {fitting.accumulate} added up",
        icon=":material/memory:", type="primary", key=f"fit_{run.run_id}",
    ):  # fmt: skip
        st.session_state["train_wanted"] = start_one(made_to_fit(settings_of(run), fitting))
        st.rerun()


def _copy(run: RunFolder) -> None:
    """A callback: what it sets belongs to widgets that are already drawn when the page runs."""
    try:
        start_from(run)
        st.session_state["train_show"] = "New run"
    except MammoError as error:
        st.toast(escaped(str(error)), icon=":material/error:")
