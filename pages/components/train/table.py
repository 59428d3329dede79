"""All runs in one table, the curves and settings of chosen ones over each other, and what a reader
notes about a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.glossary import meaning
from mammo_core.plots.training import overlaid_curves
from mammo_core.runs.card import settings_table
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import elapsed_seconds, remaining_seconds
from mammo_core.runs.naming import (
    LONGEST_TITLE,
    is_archived,
    last_name,
    read_about,
    write_about,
)
from mammo_core.types import RunState, Split
from pages.components.shared import cached
from pages.components.shared.counting import note_look
from pages.components.shared.frame import escaped, noted_errors, shown_errors
from pages.components.shared.pickers import all_titles, short_names, title_of
from pages.components.shared.runs import name_of_data, told_settings
from pages.components.shared.whose import require_own_run
from pages.components.train.preflight import in_words

_ROWS: Final = "run_table"
_NOT_TESTED: Final = "–"
_MOST_CURVES: Final = 6


def show_table(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """The runs that are listed, those archived only on request. Rows that are chosen are drawn over
    each other; one alone is the run shown below.
    """
    titles = all_titles()
    hidden = [run for run in runs if is_archived(run)]
    asked = st.session_state.get("run") or st.query_params.get("run")  # chosen now, or by a link
    title = "1 run" if len(runs) == 1 else f"All {len(runs)} runs"
    with st.expander(title, icon=":material/table_rows:", expanded=True):
        is_all = bool(hidden) and st.toggle(f"Show {len(hidden)} archived", key="runs_archived")
        listed = [run for run in runs if is_all or run not in hidden or run.run_id == asked]
        rows = [_row(run, titles[run.run_id]) for run in listed]
        for run, row in zip(listed, rows, strict=True):
            if row["test AUC"] != _NOT_TESTED:
                note_look(run, Split.TEST)
        picked = st.dataframe(
            pd.DataFrame(rows), hide_index=True, key=_ROWS, on_select="rerun",
            selection_mode="multi-row", height=min(38 + 35 * len(rows), 260),
            column_order=[name for name in rows[0] if name != "id"] if rows else None,
            column_config={
                "time": st.column_config.NumberColumn(format="duration"),
                "name": st.column_config.TextColumn(width="large"),
                "left": st.column_config.TextColumn(width=110),
                "test AUC": st.column_config.TextColumn(help=meaning("AUC")),
                "95 %": st.column_config.TextColumn(help=meaning("95 % interval")),
            },
        )  # fmt: skip
        st.caption(
            "A column's head sorts by it. AUC by breast where sides are known, else by image, on "
            "each run's own test women; runs on other data or splits are no rivals: Compare says "
            "who is. Choose rows to see their curves and settings side by side."
        )
        chosen = [listed[row] for row in picked["selection"]["rows"] if row < len(listed)]
        if len(chosen) == 1 and st.session_state.get("row_opened") != chosen[0].run_id:
            st.query_params["run"] = chosen[0].run_id
        st.session_state["row_opened"] = chosen[0].run_id if len(chosen) == 1 else None
        if len(chosen) > 1:
            with noted_errors():
                show_over_each_other(chosen, short_names())
    return listed or list(runs)


def _row(run: RunFolder, title: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": title, "state": "cannot be read", "progress": "",
        "test AUC": _NOT_TESTED, "95 %": "",
        "data": "", "time": None, "left": "", "tags": "", "id": run.run_id,
    }  # fmt: skip
    try:
        status = run.read_status()
        row |= {"state": str(status.state), "progress": f"{status.done} of {status.total}"}
        row |= {"data": _data_of(run)}
        row |= _time_of(run, status) | {"tags": ", ".join(read_about(run).tags)}
        row |= _auc_of(run, status)
    except MammoError:
        return row  # what is wrong with it is told where it is opened
    return row


def _auc_of(run: RunFolder, status: RunStatus) -> dict[str, str]:
    """With its interval; where there is none, why."""
    if not run.is_checkpoint:
        if status.state is RunState.FINISHED:
            return {"95 %": "a job, not a training"}
        return {"95 %": "ended before its test" if status.state.is_over else "not tested yet"}
    known = [
        one
        for one in cached.card(run).metrics
        if one.name == "auc" and one.split is Split.TEST and one.value is not None
    ]
    best = next((one for one in known if one.level == "breast"), known[0] if known else None)
    if best is None or best.value is None or best.low is None or best.high is None:
        return {"95 %": "no test women with and without"}
    spread = f"{best.low:.3f} to {best.high:.3f}, {best.women:,} women"
    return {"test AUC": f"{best.value:.3f}", "95 %": spread}


def _data_of(run: RunFolder) -> str:
    """What it learns from or scores, by its registered name."""
    document = run.document()
    data = document.get("data", document)
    folder = data.get("folder") if isinstance(data, dict) else None
    if isinstance(folder, str):
        return last_name(name_of_data(folder))
    return cached.card(run).data.title if run.is_checkpoint else ""


def _time_of(run: RunFolder, status: RunStatus) -> dict[str, Any]:
    """What the training took; of one that goes on what it has taken and what is left."""
    if run.is_checkpoint:
        return {"time": cached.card(run).training.seconds}
    gone = elapsed_seconds(run)
    if gone is None:
        return {}
    left = remaining_seconds(status, gone)
    return {"time": gone, "left": "" if left is None else f"about {in_words(left)}"}


def show_over_each_other(runs: Sequence[RunFolder], titles: Mapping[str, str]) -> None:
    if len(runs) > _MOST_CURVES:
        st.caption(f"The first {_MOST_CURVES} of the {len(runs)} chosen are drawn and listed.")
        runs = runs[:_MOST_CURVES]
    metrics = {titles[run.run_id]: run.read_metrics() for run in runs}
    left, right = st.columns(2)
    for place, column, title in (
        (left, "loss", "Validation loss"),
        (right, "auc", "Validation AUC by image"),
    ):
        place.plotly_chart(
            overlaid_curves(metrics, column, title=title), key=f"over_{column}", alt=title
        )
    table = settings_table(
        {titles[run.run_id]: told_settings(run) for run in runs}, only_differences=True
    )
    st.dataframe(table, hide_index=True, key="over_settings")


def show_about(run: RunFolder) -> None:
    """Its name, notes and tags; and whether it is archived, which deletes nothing."""
    with st.expander("Name, notes, tags", icon=":material/edit_note:"), shown_errors():
        about = read_about(run)
        with st.form(f"about_{run.run_id}", border=False):
            title = st.text_input(
                "Name", value=about.title, placeholder=title_of(run), max_chars=LONGEST_TITLE
            )
            notes = st.text_area("Notes", value=about.notes)
            tags = st.text_input("Tags, with commas between them", value=", ".join(about.tags))
            is_kept = st.form_submit_button("Keep", icon=":material/save:")
        st.caption(escaped(f"Its id is {run.run_id}: shells, files and exports call it so."))
        is_hidden = about.is_archived
        is_moved = st.button(
            "Bring back" if is_hidden else "Archive",
            icon=":material/unarchive:" if is_hidden else ":material/archive:",
            key=f"archive_{run.run_id}",
            help="An archived run is hidden where runs are chosen. Nothing of it is deleted.",
        )
        if is_kept or is_moved:
            require_own_run(run)
        if is_kept:
            tagged = tuple(tags.split(","))
            write_about(run, replace(about, title=title, notes=notes, tags=tagged))
        if is_moved:
            write_about(run, replace(about, is_archived=not is_hidden))
        if is_kept or is_moved:
            st.rerun()
