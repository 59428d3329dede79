"""Registering a folder as a data set: it is recognised and named, or told what is missing."""

from pathlib import Path
from typing import Final

import streamlit as st

from mammo_core.datasets import ADAPTERS
from mammo_core.datasets.reading import get_label_rule, recognise_adapter
from mammo_core.datasets.registry import Registered, forget, list_registered, register
from mammo_core.errors import TableError
from mammo_core.paths import datasets_root
from pages.components.guard import noted_errors

CHOSEN: Final = "data"
_WANTED: Final = "data_wanted"  # a widget's value can be set only before it is drawn


def pick_registered() -> Registered | None:
    """The data set in the URL, else the first; None where there is none yet."""
    entries = {entry.name: entry for entry in list_registered(datasets_root())}
    if not entries:
        st.info("No data set yet. Register the folder of one below.", icon=":material/info:")
        return None
    wanted = st.session_state.pop(_WANTED, None)
    if wanted in entries:
        st.session_state[CHOSEN] = wanted
    name = st.selectbox("Data set", list(entries), key=CHOSEN, bind="query-params")
    return entries.get(name or "")


def register_folder(*, is_open: bool) -> None:
    """Look at a folder, name what it is, choose the label rule, and keep it."""
    with st.expander("Register a folder", icon=":material/create_new_folder:", expanded=is_open):
        with noted_errors():
            folder = st.text_input("Folder on the computer that runs Mammoscope", key="new_folder")
            if folder:
                _describe_and_keep(Path(folder).expanduser().resolve())
        with st.popover("What can be read", icon=":material/list:"):
            for adapter in ADAPTERS:
                st.markdown(f"**{adapter.title}**")
                st.text(f"Expects {adapter.expects}")


def forget_button(entry: Registered) -> None:
    if st.button("Forget this data set", icon=":material/delete:", key="data_forget"):
        forget(datasets_root(), entry.name)
        st.session_state.pop(CHOSEN, None)
        st.toast("Forgotten. Its files stay where they are.")
        st.rerun()


def _describe_and_keep(folder: Path) -> None:
    if not folder.is_dir():
        raise TableError(f"There is no folder {folder}. Was it moved, or a disk not mounted?")
    adapter = recognise_adapter(folder)
    st.success(f"This is: {adapter.title}. Licence: {adapter.licence}.", icon=":material/check:")
    rule = st.radio(
        "An image is positive by this rule",
        [rule.name for rule in adapter.label_rules],
        format_func=lambda name: get_label_rule(adapter, name).title,
        key=f"new_rule_{adapter.name}",
    )
    name = st.text_input("Name it", value=folder.name, key=f"new_name_{folder}")
    if st.button("Register", type="primary", icon=":material/add:", key="new_register"):
        register(
            datasets_root(),
            Registered(
                name=name.strip(),
                folder=str(folder),
                adapter=adapter.name,
                label_rule=rule or adapter.label_rules[0].name,
            ),
        )
        st.session_state[_WANTED] = name.strip()
        st.rerun()
