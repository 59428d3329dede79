"""The frame that every page appears in, and the errors a user can mend, shown in it."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import streamlit as st

from mammo_core.errors import DiskError, MammoError
from mammo_core.files import told_of_disk, without_folders
from mammo_core.words import NOTICE
from pages.components.shared.whose import visitor

ICON: Final = Path(__file__).parent / "icon.svg"
_STYLE: Final = Path(__file__).parent / "frame.css"
STUDY: Final = "study"  # in the address while one is open
_FRAMED: Final = "framed"
_WANTED: Final = "wanted_page"
_ERROR: Final = ":material/error:"
_LOG: Final = logging.getLogger("mammoscope")


def draw_frame(pages: Mapping[st.Page, str]) -> None:
    """Called by streamlit_app.py, after navigation is set up and before the page runs.

    Each link leads back to the view its page was left with: a case stays open while the reader
    looks at another page. While a reader study is open there are none, for other pages show what
    its reader is not to know.
    """
    st.session_state[_FRAMED] = True
    wanted = st.session_state.pop(_WANTED, None)
    for page in pages:
        if wanted and page.url_path == wanted:
            st.switch_page(page, query_params=_query())
    st.html(_STYLE)
    with st.container(key="top_bar", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Mammoscope**", width="content")
        if STUDY not in st.query_params:
            for page, icon in pages.items():
                st.page_link(page, icon=icon, query_params=views_left().get(page.title, {}))
        # In the bar, which nobody can fold away as the side can be
        st.caption(f":material/info: {NOTICE}", width="stretch", text_alignment="right")
        _show_visitor()


def _show_visitor() -> None:
    one = visitor()
    if one is not None:
        with st.popover(escaped(one.name), icon=":material/account_circle:", type="tertiary"):
            st.caption(f"Your account is that of a {one.role}. Cases, lists and studies are yours.")
            st.html('<a href="/logout" target="_self">Sign out</a>')


def without_notice(limits: Iterable[str]) -> list[str]:
    """`limits` of models, each once, without what the frame says on every page."""
    return [limit for limit in dict.fromkeys(limits) if limit != NOTICE]


def remember_view(title: str) -> None:
    """Called by streamlit_app.py after the page ran; and by a page that takes long, as soon as what
    it opened stands in the address: of one that is left meanwhile, nothing is heard any more.
    """
    views_left()[title] = _query()


def views_left() -> dict[str, dict[str, list[str]]]:
    """By the title of a page the address's parameters it was left with."""
    views: dict[str, dict[str, list[str]]] = st.session_state.setdefault("views_left", {})
    return views


def _query() -> dict[str, list[str]]:
    """The address's parameters, those that stand in it several times whole."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def require_frame() -> None:
    """Go through streamlit_app.py if this page was started without its frame.

    While no session has yet run streamlit_app.py, Streamlit treats every file in pages/ as a page
    of its own, so a bookmark opened first after a restart would show no navigation and no notice.
    """
    if not st.session_state.get(_FRAMED):
        st.session_state[_WANTED] = urlsplit(st.context.url or "").path.strip("/")
        st.switch_page("streamlit_app.py", query_params=_query())


def shown_errors() -> AbstractContextManager[None]:
    """Show a MammoError as text and end the page there; let every other exception crash, but one
    of the disk.
    """
    return _told_by(_end_with)


def noted_errors() -> AbstractContextManager[None]:
    """Show a MammoError as text and go on with the rest of the page."""
    return _told_by(st.error)


def toasted_errors() -> AbstractContextManager[None]:
    """For callbacks, which have no place on the page: a MammoError passes by."""
    return _told_by(st.toast)


@contextmanager
def _told_by(tell: Callable[..., object]) -> Iterator[None]:
    """What a disk refuses where nobody foresaw it is a sentence, too, and the log tells where."""
    try:
        with told_of_disk():
            yield
    except MammoError as error:
        if isinstance(error, DiskError) and not error.is_foreseen:
            _LOG.warning("A page met a disk that refuses", exc_info=error)
        tell(escaped(str(error)), icon=_ERROR)


def _end_with(words: str, *, icon: str) -> None:
    st.error(words, icon=icon)
    st.stop()


def escaped(text: str) -> str:
    """File names and cell contents may hold Markdown: they are shown as they are, line by line.
    Where on the server a file lies is not shown.
    """
    text = without_folders(text)
    for mark in "\\`*_{}[]<>#$~:|":
        text = text.replace(mark, f"\\{mark}")
    return _links_cut(text).replace("\n", "  \n")


def _links_cut(text: str) -> str:
    """What looks like an address would become a link even so; a joint that nobody sees cuts it."""
    return re.sub(r"(?i)(https?\\:|ftp\\:|www|@)", lambda found: f"{found[0]}\u2060", text)
