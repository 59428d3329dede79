"""A run beside another model on the run's own test women: the other one scores them as a job, then
both are compared.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammo_core.config import EvaluateConfig, RunConfig
from mammo_core.errors import ConfigError
from mammo_core.files import checkpoints_root
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.sharing.rights import Action
from pages.components.compare.compared import Compared
from pages.components.shared.frame import escaped, noted_errors, toasted_errors
from pages.components.shared.pickers import all_runs, all_titles, can_read, known_card
from pages.components.shared.runs import show_job, start_once
from pages.components.shared.whose import (
    is_of_private_data,
    is_off,
    owning,
    require_data,
    require_room,
)


def show_beside(compared: Compared) -> None:
    """Any model of the same question, first those that ship."""
    own = {name: run for name, run in compared.runs.items() if _settings(run) is not None}
    if not own:
        st.info("Choose a run that was trained here: its test women are what another is tried on.")
        return
    name = next(iter(own))
    if len(own) > 1:
        name = st.selectbox("The test women of", list(own), key="beside_run")
    run = own[name]
    asked = sorted(all_runs(), key=lambda one: one.run_id[:8].isdigit())  # own ones are dated
    rivals = {one.run_id: one for one in asked if _may_be_asked(one, run)}
    if not rivals:
        st.info("There is no other model of the same question to put beside it.")
        return
    titles = all_titles()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rival = st.selectbox(
            "Beside", list(rivals), format_func=titles.__getitem__, key="beside_model"
        )
        place = st.container()
    with noted_errors():
        _ask(run, rivals[rival], place)
    st.caption(
        escaped(
            f"Scores the test women of {name} with {titles[rival]}, the same split and the same "
            "labels, and then compares the two on them. It takes about as long as reading each "
            "image once. Women that the other model has learnt from are named when it is done."
        )
    )


def _ask(run: RunFolder, rival: RunFolder, place: DeltaGenerator) -> None:
    config = _wanted(run, rival)
    jobs = [one.run for one in list_evaluations(all_runs()) if one.config == config]
    job = next((one for one in jobs if one.has_predictions), jobs[0] if jobs else None)
    if job is not None and job.has_predictions and job.read_status().state.is_over:
        with place:
            st.button(
                "Compare the two", icon=":material/leaderboard:", key="beside_compare",
                type="primary", on_click=_compare, args=(run, job),
            )  # fmt: skip
        return
    is_free = job is None or show_job(job)
    with place:
        st.button(
            "Score and compare", icon=":material/play_arrow:", key="beside_start", type="primary",
            disabled=not is_free or bool(is_off(Action.TRAIN)), on_click=_start,
            args=(config, rival, run), help=is_off(Action.TRAIN) or None,
        )  # fmt: skip


def _start(config: EvaluateConfig, rival: RunFolder, run: RunFolder) -> None:
    with toasted_errors():
        require_room()
        require_data(config.folder)
        is_private = is_of_private_data(config.folder)
        owned = owning(like=[rival, run], is_private=is_private)
        start_once(config, checkpoints_root(), what="evaluate", own=owned)


def _compare(run: RunFolder, job: RunFolder) -> None:
    """A callback: the models are chosen above, before this part is drawn."""
    st.query_params["models"] = [run.run_id, job.run_id]
    st.session_state["compare_section"] = "ROC"


def _wanted(run: RunFolder, rival: RunFolder) -> EvaluateConfig:
    data = run.settings(RunConfig).data
    return EvaluateConfig(
        checkpoint=rival.run_id,
        folder=data.folder,
        adapter=data.adapter,
        label_rule=data.label_rule,
        split="test",
        split_of=run.run_id,
    )


def _settings(run: RunFolder) -> RunConfig | None:
    try:
        return run.settings(RunConfig) if run.is_checkpoint else None
    except ConfigError:
        return None


def _may_be_asked(rival: RunFolder, run: RunFolder) -> bool:
    """Another model of whole images with the same classes, that has seen such images."""
    if rival.run_id == run.run_id or not rival.is_checkpoint or not can_read(rival):
        return False
    own, other = known_card(run), known_card(rival)
    if own is None or other is None:
        return False
    is_fit = own.data.seen == "synthetic" or other.data.seen != "synthetic"
    return is_fit and own.task.classes == other.task.classes
