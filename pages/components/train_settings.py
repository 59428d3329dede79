"""The settings of a run, beside those of others."""

import streamlit as st

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.paths import checkpoints_root
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.runs.settings_table import settings_table


def show_settings(run: RunFolder, config: RunConfig) -> None:
    with st.expander("Settings", icon=":material/settings:"):
        settings = {run.run_id: config}
        others = [other for other in list_runs(checkpoints_root()) if other != run]
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        chosen = left.multiselect(
            "Compare with", [other.run_id for other in others], key=f"settings_{run.run_id}"
        )
        only = right.toggle(
            "Only differences", value=True, key="settings_only", disabled=not chosen
        )
        for other in others:
            if other.run_id in chosen:
                settings[other.run_id] = _readable(other)
        table = settings_table(settings, only_differences=only and bool(chosen))
        if table.empty:
            st.caption("Their settings are the same.")
        else:
            st.dataframe(table, hide_index=True, key="settings_table")


def _readable(run: RunFolder) -> RunConfig:
    try:
        return load_settings(run.file("run.json"), RunConfig)
    except ConfigError as error:
        raise ConfigError(f"{run.run_id} cannot be compared. {error}") from None
