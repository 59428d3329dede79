"""Showing the errors a user can mend, and only those."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from mammo_core.errors import MammoError


@contextmanager
def shown_errors() -> Iterator[None]:
    """Show a MammoError as text and end the page there; let every other exception crash."""
    try:
        yield
    except MammoError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        st.stop()


@contextmanager
def noted_errors() -> Iterator[None]:
    """Show a MammoError as text and go on with the rest of the page."""
    try:
        yield
    except MammoError as error:
        st.error(escaped(str(error)), icon=":material/error:")


def escaped(text: str) -> str:
    """File names and cell contents may hold Markdown; show them as they are, line by line."""
    for mark in "\\`*_{}[]<>#$~:|":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", "  \n")
