"""Scoring a registered data set with a checkpoint, started from the page as a job of its own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config import EvaluateConfig
from mammo_core.paths import checkpoints_root
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.launch import start_run
from pages.components.guard import noted_errors
from pages.components.job_view import show_job
from pages.components.matrix_cells import Cell, Data, short_name

if TYPE_CHECKING:  # imported where asked for: it reads data sets
    from mammo_core.datasets.registry import Registered


def offer_evaluating(cells: Sequence[Cell], entries: "Mapping[Data, Registered]") -> None:
    """The empty squares whose data set has the classes of the checkpoint; one at a time."""
    others = [cell for cell in cells if not cell.is_own and cell.data in entries]
    if not others:
        st.caption("No other data set is registered.")
        st.page_link("pages/data.py", label="Register a folder", icon=":material/database:")
        return
    fitting = {
        f"{cell.checkpoint.run_id} on {short_name(cell.data)}": cell
        for cell in others
        if cell.external is None and _has_classes_of(cell, entries[cell.data])
    }
    if not fitting:
        st.caption("Every registered data set with the same classes has been scored.")
        return
    name = st.selectbox("Not scored yet", list(fitting), key="to_evaluate")
    cell = fitting[name]
    job = cell.evaluation.run if cell.evaluation is not None else None
    is_free = job is None or show_job(job)
    st.button(
        "Evaluate", icon=":material/play_arrow:", key="evaluate",
        disabled=not is_free,
        on_click=_evaluate, args=(cell.checkpoint, entries[cell.data]),
        help="Scores every labelled and unlabelled image of the data set, as mammo evaluate does.",
    )  # fmt: skip


def _has_classes_of(cell: Cell, entry: "Registered") -> bool:
    from mammo_core.datasets.reading import get_adapter, get_label_rule

    rule = get_label_rule(get_adapter(entry.adapter), entry.label_rule)
    return rule.task.classes == cell.card.task.classes


def _evaluate(checkpoint: RunFolder, entry: "Registered") -> None:
    config = EvaluateConfig(
        checkpoint=checkpoint.run_id,
        folder=entry.name,
        adapter=entry.adapter,
        label_rule=entry.label_rule,
    )
    with noted_errors():
        start_run(config, checkpoints_root(), what="evaluate", total=0)
