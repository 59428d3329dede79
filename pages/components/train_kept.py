"""What was typed into the form of a new run outlives leaving the page, for the visit.

Streamlit forgets the widgets of a page that is not shown. So the settings they came to are kept by
what they started from, and the form begins with them when it is drawn again.
"""

from dataclasses import dataclass, replace
from typing import Final

import streamlit as st

from mammo_core.config import RunConfig
from pages.components.train_origin import CHOSEN, Origin

_MEMORY: Final = "form_kept"
_DATA: Final = "train_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """`latest` is what the form came to, `begun` what the widgets now shown began with; `round`
    counts how often somebody started over. By what a run starts from.
    """

    latest: RunConfig | None = None
    begun: RunConfig | None = None
    round: int = 0


def restore_choices() -> None:
    """Recipe and data set as they were, where neither the address nor a click says otherwise."""
    for key in (CHOSEN, _DATA):
        kept = st.session_state.get(f"{_MEMORY}_{key}")
        if kept is not None and key not in st.session_state and key not in st.query_params:
            st.session_state[key] = kept


def as_left(origin: Origin) -> Origin:
    """`origin` as the form was last left, and a button to begin with it as it is."""
    memory = _read(origin)
    button = f"train_over_{origin.name}"
    if button not in st.session_state:  # its widgets were not shown a moment ago
        memory = replace(memory, begun=memory.latest)
        _write(origin, memory)
    st.button(
        "Start over", icon=":material/restart_alt:", key=button, type="tertiary",
        on_click=_write, args=(origin, Memory(round=memory.round + 1)),
        help="Every setting of steps 2 to 5 as the recipe, or the earlier run, has it.",
    )  # fmt: skip
    key = f"{origin.name}_{memory.round}" if memory.round else origin.name
    return replace(origin, key=key, settings=memory.begun or origin.settings)


def keep(origin: Origin, config: RunConfig) -> None:
    """Called with what the form has come to, whether or not that can be started."""
    _write(origin, replace(_read(origin), latest=config))
    for key in (CHOSEN, _DATA):
        st.session_state[f"{_MEMORY}_{key}"] = st.session_state.get(key)


def _read(origin: Origin) -> Memory:
    memory: Memory = st.session_state.get(f"{_MEMORY}_of_{origin.name}", Memory())
    return memory


def _write(origin: Origin, memory: Memory) -> None:
    st.session_state[f"{_MEMORY}_of_{origin.name}"] = memory
