"""Choosing a data set: one of those registered, a folder on this computer, or a synthetic one."""

from typing import Final

import streamlit as st

from mammo_core.datasets.reading import recognise_adapter
from mammo_core.datasets.registry import Registered, list_registered, register
from mammo_core.paths import datasets_root, home
from mammo_core.preprocessing.phantom import write_phantom_set
from pages.components.guard import shown_errors

SYNTHETIC_SIZE: Final = (512, 256)
_MADE: Final = "data_made"  # a widget's value can be set only before it is drawn


def pick_data() -> Registered | None:
    """The data set to train on; None until there is one."""
    entries = {entry.name: entry for entry in list_registered(datasets_root())}
    made = st.session_state.pop(_MADE, None)
    if made in entries:
        st.session_state["train_data"] = made
    if entries:
        name = st.selectbox("Data set", list(entries), key="train_data", bind="query-params")
    with st.expander("Add a data set", icon=":material/add:", expanded=not entries):
        st.page_link("pages/data.py", label="Register a folder", icon=":material/database:")
        _make_synthetic()
    return entries.get(name or "") if entries else None


def _make_synthetic() -> None:
    with st.form("make_data", border=False):
        women = st.number_input("Synthetic women", 24, 2000, 60, key="data_women")
        if st.form_submit_button("Make synthetic set", icon=":material/science:", key="data_make"):
            with shown_errors(), st.spinner(f"Drawing {4 * women} images…"):
                entry = _draw_set(women)
                register(datasets_root(), entry)
            st.session_state[_MADE] = entry.name
            st.rerun()


def _draw_set(women: int) -> Registered:
    folder = home() / "synthetic" / f"{women}-women"
    write_phantom_set(folder, women=women, seed=0, size=SYNTHETIC_SIZE)
    adapter = recognise_adapter(folder)
    return Registered(
        name=f"Synthetic, {women} women",
        folder=str(folder),
        adapter=adapter.name,
        label_rule=adapter.label_rules[0].name,
    )
