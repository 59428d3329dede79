"""Compare: models side by side over the same cases, and whether they can be told apart."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import streamlit as st

from mammo_core.metrics.cases import why_no_auc
from mammo_core.metrics.compare import share_cases
from pages.components.compare.benefit import show_net_benefit
from pages.components.compare.beside import show_beside
from pages.components.compare.compared import (
    LOOKED_AT,
    Compared,
    count_alike,
    labelled_of,
    like_the_newest,
    refuse_other_questions,
    refuse_strangers,
    say_what_differs_from_its_card,
    say_what_is_left_out,
    say_what_is_verified,
    say_whose_women_are_unknown,
    sets_by_content,
    show_images,
    show_settings,
    usable,
)
from pages.components.compare.cost import show_cost
from pages.components.compare.curves import (
    show_at_one_rate,
    show_pr,
    show_reliability,
    show_roc,
)
from pages.components.compare.growth import show_growth
from pages.components.compare.leaderboard import (
    say_what_is_compared,
    show_leaderboard,
    show_published,
)
from pages.components.compare.matrix import show_matrix
from pages.components.compare.plan import show_plan
from pages.components.compare.reports import show_reports
from pages.components.compare.scatter import show_disagreements
from pages.components.compare.trials import show_trials
from pages.components.shared.auc import show_one_breast, show_provenance
from pages.components.shared.counting import pick_counting, rows_of
from pages.components.shared.frame import escaped, require_frame, shown_errors
from pages.components.shared.margins import show_held_margins
from pages.components.shared.pickers import all_titles, pick_names, scored_runs, short_names
from pages.components.shared.scored import pick_table

SECTIONS: Final[Mapping[str, Callable[[Compared], None]]] = {
    "ROC": show_roc,
    "Beside another": show_beside,
    "Precision and recall": show_pr,
    "At one operating point": show_at_one_rate,
    "Margins": lambda compared: show_held_margins(compared.runs),
    "Calibration": show_reliability,
    "Net benefit": show_net_benefit,
    "Other data": show_matrix,
    "Cost": show_cost,
    "Learning curve": show_growth,
    "Trials": show_trials,
    "Disagreements": show_disagreements,
    "Images": show_images,
    "Settings": show_settings,
    "Published": show_published,
    "Report": show_reports,
    "Plan a study": show_plan,
}

require_frame()
st.title("Compare")

with shown_errors():
    runs = {run.run_id: run for run in scored_runs()}
    titles, short = all_titles(), short_names()
    choices, meanings = st.container(horizontal=True, vertical_alignment="bottom"), st.container()
    models, hint = choices.container(), meanings.container()
    with choices:
        table = pick_table(meanings)
    if not runs and table is None:
        st.info(
            "No run has predictions yet. Train one on the Train page, or upload a CSV above.",
            icon=":material/leaderboard:",
        )
        st.stop()
    newest, unread = usable(list(runs)[:LOOKED_AT], lambda name: labelled_of(runs[name]))
    with models:
        chosen = pick_names(
            "Models", list(runs), key="models", default=like_the_newest(newest), titles=titles
        )
    if len(chosen) == 1 and table is None:
        hint.caption("Add a second model that scored the same cases.")
    read, unread_too = usable(chosen, lambda name: labelled_of(runs[name]))
    say_what_is_left_out({titles[name]: why for name, why in (unread | unread_too).items()})
    scored = {short[name]: one for name, one in read.items()}
    if table is not None:
        scored[table.title] = table
    if not scored:
        st.info("Choose at least one model.")
        st.stop()
    counting = pick_counting(next(iter(scored.values())).predictions, key="compare")
    counted, uncounted = usable(scored, lambda name: count_alike(scored[name], counting))
    say_what_is_left_out(uncounted)
    if not counted:
        st.stop()
    say_what_differs_from_its_card({name: scored[name] for name in counted})
    say_whose_women_are_unknown(scored, counted)
    sets = sets_by_content({name: scored[name] for name in counted})
    counted = {name: replace(cases, dataset=sets[name]) for name, cases in counted.items()}
    refuse_other_questions({name: scored[name] for name in counted})
    refuse_strangers(counted)
    shared = share_cases(list(counted.values()))
    say_what_is_compared(shared, list(counted))
    compared = Compared(
        runs={short[name]: runs[name] for name in read if short[name] in counted},
        titles={short[name]: titles[name] for name in read},
        models=dict(zip(counted, shared.cases, strict=True)),
        counting=counting,
    )
    reason = why_no_auc(shared.cases[0])
    if reason:
        st.warning(escaped(reason), icon=":material/block:")
        for name in counted:
            with st.container(border=True):
                st.text(name)
                rows = rows_of(scored[name], counting)
                show_one_breast(rows, scored[name].source, counting)
        st.stop()
    show_leaderboard(compared)
    say_what_is_verified(compared)
    section = st.segmented_control(
        "Show", list(SECTIONS), default="ROC", required=True, key="compare_section",
        bind="query-params",
    )  # fmt: skip
    SECTIONS[section](compared)
    show_provenance(tuple(compared.runs.values()), counting.level)
