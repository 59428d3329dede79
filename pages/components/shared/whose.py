"""Whose things a page shows. Where several people share a server, cases, lists, reader studies,
tables and tags lie in a folder of their visitor, and runs and data sets may be private: pages take
all of these from here and nowhere else. Where one person has it to themselves, they are as ever.
"""

import os
from pathlib import Path
from typing import Final

import streamlit as st

from mammo_core import files
from mammo_core.errors import MammoError
from mammo_core.sharing.access_log import note_access
from mammo_core.sharing.rights import Action, Visitor, visitor_of, why_not

_HEADER: Final = "X-Mammo-Visitor"  # set by the server's door alone
_FIRST: Final = "visitor"


def visitor() -> Visitor | None:
    """Who looks at this page; None where nobody is asked.

    Told by the connection of the browser that the page runs for: what runs beside the page, in a
    thread of its own, is refused and has to be given what it needs.
    """
    if os.environ.get("MAMMO_SHARED") != "yes":
        return None
    found = visitor_of(st.context.headers.get(_HEADER, ""))
    if st.session_state.setdefault(_FIRST, found) != found:
        st.session_state.clear()
        raise MammoError("Somebody else has signed in here. Open the page again.")
    return found


def _own() -> Path | None:
    one = visitor()
    return None if one is None else files.owned_root() / one.folder


def cases_root() -> Path:
    return files.cases_root(_own())


def worklists_root() -> Path:
    return files.worklists_root(_own())


def studies_root() -> Path:
    return files.studies_root(_own())


def tables_root() -> Path:
    return files.tables_root(_own())


def tags_root() -> Path:
    return files.tags_root(_own())


def only_ones_own() -> str:
    """Beside "there is no such case": whether another has one, nobody is told."""
    return "" if visitor() is None else " On this server everybody opens cases of their own."


def is_off(action: Action) -> str:
    """Why this visitor may not; empty where nothing is in the way. What is off says so."""
    one = visitor()
    return "" if one is None else why_not(one.role, action)


def require(action: Action) -> None:
    """Asked again where it is done: that a button is off is for the eye alone."""
    reason = is_off(action)
    if reason:
        raise MammoError(reason)


def note(action: str, *, case: str = "", model: str = "", about: str = "") -> None:
    """A line of the access log, where there is one."""
    one = visitor()
    if one is not None:
        note_access(files.access_log(), one.name, action, case=case, model=model, about=about)
