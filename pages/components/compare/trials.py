"""The trials of a search for settings: what was drawn for each, and how far it came."""

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.metrics.uncertainty import newcombe_interval
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.searches import (
    SearchConfig,
    best_trial,
    judged_by,
    read_trial,
    trials_table,
    value_column,
)
from mammo_core.types import Split
from mammo_core.words import finding_of, many
from pages.components.compare.compared import Compared
from pages.components.shared import cached
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import all_runs, all_titles, pick_name

_Z = 1.96


def show_trials(compared: Compared) -> None:
    """Of the search that a chosen model comes from, first; else of the newest."""
    searches = {run.run_id: run for run in all_runs() if run.kind == "search"}
    if not searches:
        st.info(
            "No search has been made. `mammo search --recipe NAME --data DIR --trials 20 --over "
            "optim.learning_rate=log:1e-5..1e-3` tries settings out.",
            icon=":material/search:",
        )
        return
    trials = (read_trial(run) for run in compared.runs.values())
    own = [trial.search for trial in trials if trial and trial.search in searches]
    search = searches[
        pick_name(
            "Search", list(dict.fromkeys([*own, *searches])), key="search", titles=all_titles()
        )
    ]
    try:
        _show(search, search.settings(SearchConfig))
    except MammoError as error:
        st.warning(escaped(str(error)), icon=":material/warning:")


def _show(search: RunFolder, config: SearchConfig) -> None:
    table = trials_table(config, search.run_id, search.path.parent)
    whole = int(table["is_whole"].sum()) if len(table) else 0
    st.caption(
        escaped(
            f"{len(table)} of {many(config.trials, 'trial', 'trials')} begun, {whole} trained to "
            f"the end. Searched over {', '.join(sorted(config.over))}."
        )
    )
    best = best_trial(config, search.run_id, search.path.parent)
    if best is not None:
        trial, run = best
        (value,) = table.loc[table["trial"] == trial.number, value_column(config.base)].tolist()
        st.text(
            f"Trial {trial.number} of {config.trials} is the best on the validation women: "
            f"{all_titles().get(run.run_id, run.run_id)}. {_how_sure(config, value, run)}The best "
            f"of {config.trials} is partly luck: go by its test women, who chose nothing."
        )
    if table.empty:
        return
    shown = table.drop(columns="is_whole")
    shown["run"] = shown["run"].map(lambda name: all_titles().get(name, name))
    shown.columns = shown.columns.str.replace("auc", "AUC")
    column = value_column(config.base).replace("auc", "AUC")
    st.dataframe(
        shown.sort_values(column, ascending=judged_by(config.base) == "loss", na_position="last"),
        hide_index=True, key="trials",
        column_config={column: st.column_config.NumberColumn(format="%.3f")},
    )  # fmt: skip


def _how_sure(config: SearchConfig, value: float, run: RunFolder) -> str:
    """By woman: more images of one woman tell little more."""
    card = cached.card(run)
    found = [count for count in card.data.splits if count.split is Split.VAL]
    if judged_by(config.base) != "auc" or not found or not found[0].images:
        return ""
    women = found[0].women
    positives = max(1.0, women * found[0].positive_images / found[0].images)
    low, high = newcombe_interval(value, positives, max(1.0, women - positives), z=_Z)
    return (
        f"AUC {value:.3f} ({low:.3f} to {high:.3f}) on {many(women, 'woman', 'women')}, about "
        f"{positives:.0f} with {finding_of(card.task).one}. "
    )
