"""Guided training: choose data, recipe and backbone, start; then watch, stop, use."""

import time
from dataclasses import replace
from typing import Final

import streamlit as st

from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.reading import get_adapter, get_label_rule
from mammo_core.datasets.registry import Registered
from mammo_core.paths import checkpoints_root
from mammo_core.runs.folder import find_run, list_runs
from mammo_core.runs.launch import start_run
from mammo_core.training.recipes import RECIPES, get_recipe, with_backbone
from mammo_core.zoo.catalog import BACKBONES, get_backbone
from pages.components.data_picker import pick_data
from pages.components.frame import require_frame
from pages.components.guard import noted_errors, shown_errors
from pages.components.run_view import show_run

DOUBLE_CLICK_SECONDS: Final = 2.0


def settings_form(entry: Registered) -> RunConfig | None:
    """The settings, checked, once the form is sent; None until then."""
    adapter = get_adapter(entry.adapter)
    rule = get_label_rule(adapter, entry.label_rule)
    st.caption(f"{adapter.title}. {rule.title} Reference standard: {adapter.reference_standard}.")
    recipe = get_recipe(
        st.selectbox(
            "Recipe",
            [recipe.name for recipe in RECIPES],
            format_func=lambda name: get_recipe(name).title,
            key="train_recipe",
        )
    )
    st.caption(recipe.summary)
    offered = [backbone.name for backbone in BACKBONES if not backbone.is_for_tests]
    with st.form("train_form"):
        backbone = st.selectbox(
            "Backbone",
            offered,
            index=offered.index(recipe.model.backbone),
            format_func=lambda name: get_backbone(name).title,
            key=f"train_backbone_{recipe.name}",
        )
        epochs = st.number_input(
            "Epochs", 1, 500, recipe.optim.epochs, key=f"train_epochs_{recipe.name}"
        )
        if not st.form_submit_button(
            "Start training", icon=":material/play_arrow:", type="primary", key="train_start"
        ):
            return None
    data = DataConfig(folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule)
    config = with_backbone(recipe.configure(data, rule.task), backbone)
    warmup = min(config.optim.warmup_epochs, epochs)
    config = replace(config, optim=replace(config.optim, epochs=epochs, warmup_epochs=warmup))
    config.check()
    return config


def show_runs() -> None:
    """The run in the URL, else the newest; the others by choice."""
    runs = list_runs(checkpoints_root())
    if not runs:
        st.info("No run yet. Its progress will appear here.", icon=":material/info:")
        return
    names = [run.run_id for run in runs]
    name = st.selectbox("Run", names, key="run", bind="query-params")
    run = find_run(name or names[0], checkpoints_root())
    show_run(run)
    if run.is_checkpoint:
        with st.container(horizontal=True):
            st.page_link(
                "pages/read.py",
                label="Use in Read",
                icon=":material/radiology:",
                query_params={"model": run.run_id},
            )
            st.page_link(
                "pages/thresholds.py",
                label="Look at thresholds",
                icon=":material/tune:",
                query_params={"run": run.run_id},
            )


def was_just_started() -> bool:
    """Whether the same button was pressed a moment ago: a double click shall start one run."""
    now = time.monotonic()
    last = st.session_state.get("started_at", -DOUBLE_CLICK_SECONDS)
    st.session_state["started_at"] = now
    return bool(now - last < DOUBLE_CLICK_SECONDS)


require_frame()
st.title("Train a model")
left, right = st.columns([2, 3], gap="large")
with left, noted_errors():
    st.subheader("A new run")
    chosen = pick_data()
    if chosen is not None:
        settings = settings_form(chosen)
        if settings is not None and not was_just_started():
            started = start_run(
                settings,
                checkpoints_root(),
                what=settings.model.backbone,
                total=settings.optim.epochs,
            )
            st.session_state["run"] = started.run_id
with right:
    st.subheader("Runs")
    with shown_errors():
        show_runs()
