"""Compare: models side by side over the same cases, and whether they can be told apart."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from mammo_core.metrics.artefact import why_no_auc
from mammo_core.metrics.compare import share_cases
from pages.components.compare_view import (
    Compared,
    like_the_newest,
    show_disagreements,
    show_published,
    show_settings,
)
from pages.components.counting import count_cases, pick_counting
from pages.components.frame import require_frame
from pages.components.guard import shown_errors
from pages.components.leaderboard import say_what_is_compared, show_leaderboard
from pages.components.overlays import show_pr, show_reliability, show_roc
from pages.components.pickers import scored_runs
from pages.components.point_view import show_at_one_specificity
from pages.components.scored import scored_of

SECTIONS: Final[Mapping[str, Callable[[Compared], None]]] = {
    "ROC": show_roc,
    "Precision and recall": show_pr,
    "At one specificity": show_at_one_specificity,
    "Calibration": show_reliability,
    "Disagreements": show_disagreements,
    "Settings": show_settings,
    "Published": show_published,
}

require_frame()
st.title("Compare")

runs = {run.run_id: run for run in scored_runs()}
if not runs:
    st.info(
        "No run has predictions yet. Train one on the Train page.", icon=":material/leaderboard:"
    )
    st.stop()
with shown_errors():
    names = st.multiselect(
        "Models", list(runs), default=like_the_newest(list(runs.values())), key="models",
        bind="query-params",
    )  # fmt: skip
    if not names:
        st.info("Choose at least one model.")
        st.stop()
    scored = [scored_of(runs[name]) for name in names]
    counting = pick_counting(scored[0].predictions, key="compare")
    shared = share_cases([count_cases(table, counting) for table in scored])
    say_what_is_compared(shared, names)
    compared = Compared(
        runs=tuple(runs[name] for name in names),
        models=dict(zip(names, shared.cases, strict=True)),
    )
    reason = why_no_auc(shared.cases[0])
    if reason:
        st.warning(reason, icon=":material/block:")
        st.stop()
    show_leaderboard(compared.models)
    section = st.segmented_control(
        "Show", list(SECTIONS), default="ROC", required=True, key="compare_section",
        bind="query-params",
    )  # fmt: skip
    SECTIONS[section](compared)
