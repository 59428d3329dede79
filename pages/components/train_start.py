"""Starting what the form describes: one run, the folds of a cross-validation, or several seeds."""

import time
from enum import StrEnum
from typing import Final

import streamlit as st

from mammo_core.config import RunConfig
from mammo_core.errors import MammoError
from mammo_core.paths import checkpoints_root
from mammo_core.runs.folder import list_runs
from mammo_core.runs.launch import start_run
from mammo_core.training.series import fold_configs, seed_configs, start_series
from mammo_core.training.start_check import check_start
from pages.components.guard import escaped

DOUBLE_CLICK_SECONDS: Final = 2.0
_CHOSEN: Final = "start_chosen"
_STARTED_AT: Final = "started_at"


class Scheme(StrEnum):
    ONE = "One run"
    FOLDS = "Cross-validation by woman"
    SEEDS = "Several seeds"


_MEANING: Final = {
    Scheme.ONE: "",
    Scheme.FOLDS: "Every woman is tested once, by a network that never saw her.",
    Scheme.SEEDS: "The same women, other random numbers: shows what luck alone is worth.",
}


def start_button(config: RunConfig, *, missing: tuple[str, ...]) -> str | None:
    """The name of the first run that was started; None until then."""
    left, right = st.columns([3, 1])
    before, times = st.session_state.get(_CHOSEN, (Scheme.ONE, 5))  # when the page was left
    scheme = left.segmented_control(
        "How often", list(Scheme), default=before, required=True, key="train_scheme"
    )
    count = 1
    if scheme is not Scheme.ONE:
        count = times = right.number_input(
            "Folds" if scheme is Scheme.FOLDS else "Seeds", 2, 20, times,
            key=f"train_count_{scheme}",
        )  # fmt: skip
        st.caption(f"{_MEANING[scheme]} {count} runs, one after the other.")
    st.session_state[_CHOSEN] = (scheme, times)
    for sentence in missing:
        st.caption(f":material/pending: {escaped(sentence)}")
    is_pressed = st.button(
        "Start training" if count == 1 else f"Start {count} trainings",
        icon=":material/play_arrow:", type="primary", key="train_start", disabled=bool(missing),
    )  # fmt: skip
    if not is_pressed:
        return None
    if _was_just_started():  # the second half of a double click: show what the first half started
        return list_runs(checkpoints_root())[0].run_id
    try:
        return _start(config, scheme, count)
    except MammoError:
        st.session_state.pop(_STARTED_AT)  # nothing was started: the next click is no second half
        raise


def start_one(config: RunConfig) -> str:
    """Start a single run; its name."""
    check_start([config])
    what = config.model.backbone.replace(":", "_")
    run = start_run(config, checkpoints_root(), what=what, total=config.optim.epochs)
    return run.run_id


def _start(config: RunConfig, scheme: Scheme, count: int) -> str:
    if scheme is Scheme.ONE:
        return start_one(config)
    several = fold_configs if scheme is Scheme.FOLDS else seed_configs
    configs = several(config, count)
    check_start(configs)
    return start_series(configs, checkpoints_root())[0].run_id


def _was_just_started() -> bool:
    """Whether the same button was pressed a moment ago: a double click shall start one run."""
    now = time.monotonic()
    last = st.session_state.get(_STARTED_AT, -DOUBLE_CLICK_SECONDS)
    st.session_state[_STARTED_AT] = now
    return bool(now - last < DOUBLE_CLICK_SECONDS)
