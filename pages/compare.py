"""Compare: models side by side over the same cases, and whether they can be told apart."""

from dataclasses import replace

import streamlit as st

from mammo_core.metrics.cases import why_no_auc
from mammo_core.metrics.compare import share_cases
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
    usable,
)
from pages.components.compare.leaderboard import (
    say_what_is_compared,
    show_leaderboard,
)
from pages.components.compare.sections import show_section
from pages.components.shared.auc import show_one_breast, show_provenance
from pages.components.shared.counting import pick_counting, rows_of
from pages.components.shared.frame import escaped, require_frame, shown_errors
from pages.components.shared.pickers import all_titles, pick_names, scored_runs, short_names
from pages.components.shared.scored import pick_table

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
                show_one_breast(rows, scored[name], counting)
        st.stop()
    show_leaderboard(compared)
    say_what_is_verified(compared)
    show_section(compared)
    show_provenance(tuple(compared.runs.values()), counting.level)
