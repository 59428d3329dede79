"""Guided training: choose data, recipe and network, measure, start; then watch, stop, use."""

from typing import Final

import streamlit as st

from mammo_core.files import checkpoints_root
from mammo_core.sharing.rights import Action
from pages.components.shared.frame import require_frame, shown_errors
from pages.components.shared.pickers import all_titles, pick_name, warn_of_missing
from pages.components.shared.published import show_published
from pages.components.shared.whose import find_run, list_runs, show_off
from pages.components.train.form import show_form
from pages.components.train.place import has_started, last_start
from pages.components.train.run import show_run
from pages.components.train.table import show_about, show_table

NEW: Final = "New run"
RUNS: Final = "Runs"
SECTION: Final = "train_show"


def pick_section() -> str:
    """In the URL. A link to a run, and a run just started, lead to the runs."""
    last = last_start()
    if last.is_to_be_shown:
        st.session_state[SECTION] = RUNS
        st.query_params["run"] = last.run_id
        last.is_to_be_shown = False
    elif "run" in st.query_params and SECTION not in {*st.query_params, *st.session_state}:
        st.session_state[SECTION] = RUNS
    section = st.segmented_control(
        "Show", [NEW, RUNS], required=True, key=SECTION, bind="query-params",
        default=None if SECTION in st.session_state else NEW, label_visibility="collapsed",
    )  # fmt: skip
    return section or NEW


def show_runs() -> None:
    """The run in the URL, else the newest; the others by choice."""
    runs = list_runs(checkpoints_root())
    if not runs:
        st.info("No run yet. Its progress will appear here.", icon=":material/info:")
        return
    shown = show_table(runs)
    warn_of_missing(st.query_params.get("run"), [run.run_id for run in runs])
    name = pick_name("Run", [run.run_id for run in shown], key="run", titles=all_titles())
    run = find_run(name, checkpoints_root())
    show_run(run)
    show_about(run)


require_frame()
st.title("Train a model")
show_off(Action.TRAIN)
if pick_section() == NEW:
    st.query_params.pop("run", None)  # a reload comes back to the form
    show_form()
    show_published()
else:
    with shown_errors():
        show_runs()
if has_started():
    st.rerun()
