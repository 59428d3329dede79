"""What was measured of a model after its training: are its heatmaps true, do its scores hold."""

import streamlit as st

from mammo_core.runs.fidelity import Fidelity, fidelity_of
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.stress import StressTest, changes_table, stress_of
from pages.components.guard import escaped, noted_errors


def show_measured(run: RunFolder, *, key: str) -> None:
    """`key` tells several on one page apart. An ensemble has none: its members have."""
    if not run.is_checkpoint:
        return
    with noted_errors():
        _show_fidelity(run, fidelity_of(run))
    with noted_errors():
        _show_stress(run, stress_of(run), key=key)


def _show_fidelity(run: RunFolder, known: list[Fidelity]) -> None:
    st.markdown("**Are its heatmaps true?**")
    if not known:
        st.caption("Nobody has held them against lesions whose place is known. To do so:")
        st.code(f"mammo explain-check {run.run_id}", language=None)
    for one in known:
        basis, pointing, *others, shuffled = one.sentences
        show = st.warning if one.is_worthless or not one.pointing.beats_chance else st.markdown
        show(escaped(f"{basis} {pointing} {shuffled}"))
        st.caption(escaped(f"Heatmaps by {one.method}. {' '.join(others)}"))


def _show_stress(run: RunFolder, known: list[StressTest], *, key: str) -> None:
    st.markdown("**Do its scores hold on images as they might have come?**")
    if not known:
        st.caption("Nobody has tried. To do so:")
        st.code(f"mammo stress {run.run_id}", language=None)
    for number, one in enumerate(known):
        tells = any(result.tells_without_breast for result in one.results)
        (st.warning if tells else st.markdown)(escaped(one.without_breast))
        st.dataframe(changes_table(one), hide_index=True, key=f"{key}_stress_{number}")
        st.caption(escaped(f"{one.sentences[0]} In brackets 95 % intervals by woman."))
