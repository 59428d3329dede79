"""The case list: thumbnails, scores, truth and tags of many cases, of which only those in view are
drawn. Sorted, filtered and searched in the browser; Python hears what is opened or tagged.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import streamlit as st

from mammo_core.listing import ListedCase
from pages.components.shared.viewer.viewer import join_scripts, pack_message

Thumbnails = Callable[[str], bytes | None]

_HERE: Final = Path(__file__).parent
_MOST_ASKED: Final = 64  # pictures in one message
_PATIENCE: Final = 0.4  # seconds after which what is made is sent, and the rest asked for again
MOST_ROWS: Final = 20_000
_MOST_TAG: Final = 40  # letters
_TOLD: Final = tuple(one.name for one in fields(ListedCase))

_ROWS: Final = st.components.v2.component(
    "mammo_case_list",
    html='<div class="case-list"></div>',
    css=(_HERE / "list.css").read_text(encoding="utf-8"),
    js=join_scripts(_HERE, ["shelf.js", "listed.js", "rows.js", "controls.js", "list.js"]),
)
_PICTURES: Final = st.components.v2.component(
    "mammo_case_pictures", html="<div></div>", js=join_scripts(_HERE, ["shelf.js", "pictures.js"])
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagging:
    """What a reader asks for: this tag given to these cases, or taken from them."""

    tag: str
    keys: tuple[str, ...]
    is_removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedBy:
    """The tags there are, and what keeps another; called before the script, as callbacks are."""

    known: tuple[str, ...]
    keep: Callable[[Tagging], None]


def show_case_list(
    cases: Sequence[ListedCase],
    *,
    key: str,
    thumbnails: Thumbnails | None,
    opened: str | None = None,
    threshold: float | None = None,
    height: int = 640,
    view: str = "",
    tagging: TaggedBy | None = None,
) -> str | None:
    """Show `cases`; the key of the one that is open, None before there is one.

    `opened` is open until the reader clicks on another, or reaches it with J or K. `view` is the
    filter, order and place to begin with, as `kept_view` gave it. Without `thumbnails` rows have
    no picture; one that is None cannot be read. A click reruns the script, or
    the fragment this is called in. `on_tag` is called before that, as callbacks are.
    """
    keys = {case.key for case in cases}
    chosen = st.session_state.get(_opened_key(key))
    chosen = next((one for one in (chosen, opened) if one in keys), None)
    if len(cases) > MOST_ROWS:
        st.caption(
            f":material/filter_list: The first {MOST_ROWS:,} of {len(cases):,} cases are listed; "
            "search, filters and order look at these alone."
        )
    _ROWS(
        key=key,
        data=pack_message(
            {
                "list": key,
                "height": height,
                "threshold": threshold,
                "of": " cases" if len(cases) <= MOST_ROWS else f" of {len(cases):,} cases",
                "hasPictures": thumbnails is not None,
                "canTag": tagging is not None,
                "knownTags": list(tagging.known) if tagging else [],
                "cases": [_row(case) for case in cases[:MOST_ROWS]],
            },
            [],
        ),
        on_act_change=lambda: _hear(key, keys, tagging),
    )
    st.session_state.pop(_due_key(key), None)
    _bring_pictures(key, keys, thumbnails, (chosen, kept_view(key) or view))
    return chosen


def take_opened(key: str) -> str | None:
    """What was opened in the list `key` since this was last asked: for a page whose address, and
    not the list, says what is open.
    """
    taken = st.session_state.pop(_opened_key(key), None)
    return None if taken is None else str(taken)


def kept_view(key: str) -> str | None:
    """The filter, order and place of the list `key` when something was last done in it; None while
    nothing was.
    """
    view: str | None = st.session_state.get(_view_key(key))
    return view


def _row(case: ListedCase) -> dict[str, Any]:
    row = {name: getattr(case, name) for name in _TOLD}  # `asdict` copies all, and takes seconds
    row["isPositive"] = row.pop("is_positive")
    row["facts"] = dict(case.facts)
    return row


def _hear(key: str, keys: set[str], tagging: TaggedBy | None) -> None:
    """What the browser sends may be anything: only what fits the list is taken."""
    act = st.session_state[key].act
    if not isinstance(act, Mapping):
        return
    st.session_state[_view_key(key)] = str(act.get("view") or "")
    acts = [one for one in act.get("acts") or () if isinstance(one, Mapping)]
    for one in acts:
        if _number(one) > st.session_state.get(_heard_key(key), 0):
            st.session_state[_heard_key(key)] = _number(one)
            st.session_state[_due_key(key)] = True
            _do(key, keys, tagging, one)


def _number(act: Mapping[str, Any]) -> float:
    number = act.get("at")
    return float(number) if isinstance(number, int | float) else 0.0


def _do(key: str, keys: set[str], tagging: TaggedBy | None, act: Mapping[str, Any]) -> None:
    kind = act.get("kind")
    if kind == "open" and act.get("key") in keys:
        st.session_state[_opened_key(key)] = act["key"]
    elif kind in ("tag", "untag") and tagging is not None:
        tag = str(act.get("tag", "")).strip()[:_MOST_TAG]
        tagged = tuple(one for one in act.get("keys") or () if one in keys)
        if tag and tagged:
            tagging.keep(Tagging(tag=tag, keys=tagged, is_removed=kind == "untag"))


@st.fragment
def _bring_pictures(
    key: str, keys: set[str], thumbnails: Thumbnails | None, place: tuple[str | None, str]
) -> None:
    """A fragment of its own: pictures come without the page, or even the rows, being made anew.
    `place` is what is open, and the view; here, for a click may not change the message of the rows.
    """
    if st.session_state.get(_due_key(key)):
        st.rerun()  # a click that came with a wish for pictures, and would run this fragment alone
    bringer = f"{key}-pictures"
    wanted = st.session_state.pop(_wanted_key(key), [])
    made = _made_in_time(wanted, thumbnails) if thumbnails else []

    def want() -> None:
        asked = (st.session_state[bringer].wanted or {}).get("keys")
        fitting = [one for one in asked or () if one in keys]
        st.session_state[_wanted_key(key)] = fitting[:_MOST_ASKED]

    header = {
        "list": key,
        "opened": place[0],
        "view": place[1],
        "pictures": [(one, None if data is None else len(data)) for one, data in made],
    }
    buffers = [np.frombuffer(data, dtype=np.uint8) for _, data in made if data is not None]
    _PICTURES(key=bringer, data=pack_message(header, buffers), on_wanted_change=want)


def _made_in_time(wanted: Sequence[str], thumbnails: Thumbnails) -> list[tuple[str, bytes | None]]:
    made: list[tuple[str, bytes | None]] = []
    started = time.monotonic()
    for one in wanted:
        made.append((one, thumbnails(one)))
        if time.monotonic() - started > _PATIENCE:
            break
    return made


def _opened_key(key: str) -> str:
    return f"{key}_opened"


def _heard_key(key: str) -> str:
    return f"{key}_heard"


def _due_key(key: str) -> str:
    """Whether something was done in the list that the page has not yet answered."""
    return f"{key}_due"


def _view_key(key: str) -> str:
    return f"{key}_view"


def _wanted_key(key: str) -> str:
    return f"{key}_wanted"
