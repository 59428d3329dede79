"""Margins of no worse and of as good as: written down on the Train page, before anybody looks, and
held against the test results on Compare.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from mammo_core.files import checkpoints_root, shipped_checkpoints_root
from mammo_core.glossary import meaning
from mammo_core.metrics.margins import Claim, MarginOf
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import margins_of, when_written
from mammo_core.types import Level
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.pickers import all_titles, short_names, title_of
from pages.components.shared.whose import require_own_run, sight_of


def offer_margin(run: RunFolder, others: Sequence[RunFolder], *, key: str) -> None:
    """A form that writes one down. What is there already is listed, without any result."""
    titles = all_titles()
    for one, looks in margins_of(run, _roots(), may_see=sight_of(run).run):
        st.caption(
            escaped(
                f"{one.claim}, {one.figure}, margin {one.margin:g} by {one.level}, against "
                f"{titles.get(one.against, one.against)}: written {when_written(one, looks)}."
            )
        )
    rivals = {other.run_id: other for other in others if other.run_id != run.run_id}
    if not rivals:
        st.caption("There is no other model yet to hold it against.")
        return
    with (
        st.form(f"margin_{key}", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        claim = st.selectbox(
            "To be shown",
            [str(one) for one in Claim],
            key=f"{key}_claim",
            width=150,
            help=meaning("Not inferior"),
        )
        figure = st.selectbox("in", [str(one) for one in MarginOf], key=f"{key}_figure", width=150)
        other = st.selectbox(
            "against", list(rivals), format_func=lambda one: title_of(rivals[one]),
            key=f"{key}_against", width=320,
        )  # fmt: skip
        margin = st.number_input(
            "by a margin of", 0.0, 1.0, 0.05, 0.01, key=f"{key}_margin", width=150,
            help="In the figure's own units: 0.05 is five points.\n\n" + meaning("Not inferior"),
        )  # fmt: skip
        level = st.selectbox(
            "A case is one",
            [str(one) for one in Level],
            key=f"{key}_level",
            width=150,
            help=meaning("Case"),
        )
        is_wanted = st.form_submit_button("Write it down", icon=":material/edit_note:")
    if is_wanted:
        _write(
            run, rivals[other], Claim(claim), MarginOf(figure), margin=margin, level=Level(level)
        )


def _write(
    run: RunFolder, other: RunFolder, claim: Claim, figure: MarginOf, *, margin: float, level: Level
) -> None:
    from mammo_core.reports.study.margins import written_margin

    with noted_errors():
        require_own_run(run)
        written_margin(run, other, claim=claim, figure=figure, margin=margin, level=level)
        st.rerun()


def _roots() -> tuple[Path, Path]:
    """Looks of everybody count, also at runs that a visitor may not see."""
    return checkpoints_root(), shipped_checkpoints_root()


def show_held_margins(runs: Mapping[str, RunFolder]) -> None:
    """By its name each run's margins, and what came of them; then the form."""
    from mammo_core.reports.study.margins import HEADER, MEANING, hold_margins

    rows = []
    for name, run in runs.items():
        with noted_errors():
            for one in hold_margins(run, _roots(), titles=short_names(), sight=sight_of(run)):
                cells = dict(zip(HEADER, map(escaped, one.cells), strict=True))
                rows.append({"model": escaped(name), **cells})
    if rows:
        st.table(rows, hide_index=True)
    else:
        st.info(
            "No margin is written down for these models. One that counts is written before the "
            "test set is opened: on the Train page, at the run, or with `mammo margin`.",
            icon=":material/edit_note:",
        )
    st.caption(MEANING)
    with st.expander("Write one down now, after the test set was opened"):
        if len(runs) < 2:
            st.caption("Choose at least two models.")
            return
        name = st.selectbox("Margin of", list(runs), key="margin_of")
        offer_margin(runs[name], list(runs.values()), key="compare_margin")
