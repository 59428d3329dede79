"""Choosing a data set: one of those registered, a folder on this computer, or a synthetic one."""

from pathlib import Path
from typing import Final

import streamlit as st

from mammo_core.datasets.reading import recognise_adapter
from mammo_core.datasets.registry import Registered, list_registered, register
from mammo_core.paths import datasets_root, home
from mammo_core.preprocessing.phantom import write_phantom_set
from pages.components.guard import shown_errors

SYNTHETIC_SIZE: Final = (512, 256)


def pick_data() -> Registered | None:
    """The data set to train on; None until there is one."""
    entries = {entry.name: entry for entry in list_registered(datasets_root())}
    if entries:
        name = st.selectbox("Data set", list(entries), key="train_data", bind="query-params")
    with st.expander("Add a data set", icon=":material/add:", expanded=not entries):
        _add_folder()
        _make_synthetic()
    return entries.get(name or "") if entries else None


def _add_folder() -> None:
    with st.form("add_data", border=False):
        folder = st.text_input("Folder on this computer", key="data_folder")
        name = st.text_input("Name it", key="data_name")
        if st.form_submit_button("Add folder", icon=":material/folder:", key="data_add"):
            with shown_errors():
                path = Path(folder).expanduser().resolve()
                _register(name or path.name, path)
            st.rerun()


def _make_synthetic() -> None:
    with st.form("make_data", border=False):
        women = st.number_input("Synthetic women", 24, 2000, 60, key="data_women")
        if st.form_submit_button("Make synthetic set", icon=":material/science:", key="data_make"):
            with shown_errors(), st.spinner(f"Drawing {4 * women} images…"):
                name = f"Synthetic, {women} women"
                folder = home() / "synthetic" / f"{women}-women"
                write_phantom_set(folder, women=women, seed=0, size=SYNTHETIC_SIZE)
                _register(name, folder)
            st.rerun()


def _register(name: str, folder: Path) -> None:
    adapter = recognise_adapter(folder)
    entry = Registered(
        name=name,
        folder=str(folder),
        adapter=adapter.name,
        label_rule=adapter.label_rules[0].name,
    )
    register(datasets_root(), entry)
