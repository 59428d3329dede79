"""Published models, whose weights their authors offer: the same list on every page."""

import streamlit as st

from mammo_core.zoo.published import PUBLISHED, PublishedModel
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.whose import list_checkpoints

_ABOUT = (
    "Models of the literature, written here as their authors describe them; no real file of "
    "weights was opened yet. Fetch an author's file, import it, and it stands among the models "
    "like any other."
)


def show_published() -> None:
    """What each is, under which licence, and how to bring it; those that are here first."""
    with st.popover("Bring a published model", icon=":material/library_books:"):
        st.caption(_ABOUT)
        here = _imported()
        for entry in sorted(PUBLISHED, key=lambda entry: entry.backbone not in here):
            with st.expander(escaped(_title(entry, is_here=entry.backbone in here))):
                _show(entry)


def _imported() -> set[str]:
    """One damaged card is told of, and takes nobody the list."""
    found = set()
    for run in list_checkpoints():
        with noted_errors():
            if run.is_checkpoint:
                found.add(cached.card(run).model.backbone)
    return found


def _title(entry: PublishedModel, *, is_here: bool) -> str:
    return f"{entry.title} (imported)" if is_here else entry.title


def _show(entry: PublishedModel) -> None:
    for line in (
        f"By {entry.authors}. Scores by {entry.scores}; needs {entry.needs}.",
        f"Licence of the code: {entry.code_licence}. Of the weights: {entry.weights_licence}.",
        f"Learnt from: {entry.learnt_from} ({entry.imaging}).",
        *(f"Published: {one.says}, on {one.on} ({one.source})." for one in entry.figures),
        *entry.problems,
        *entry.stand_ins,
        f"Cite: {entry.citation}",
        f"Offered at {entry.where} ({entry.megabytes:,} MB):",
    ):
        st.caption(escaped(line))
    files = " ".join(f'"{file}"' for file in entry.files)
    st.code(f"mammo published import {entry.name} {files}", language=None, wrap_lines=True)
