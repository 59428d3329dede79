"""What must be known of the data and the model behind a figure, in a line or two under it."""

import streamlit as st

from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level
from pages.components import cached
from pages.components.guard import escaped


def show_provenance(run: RunFolder, level: Level) -> None:
    """Population, reference standard and label level; then what limits the model."""
    if not run.is_checkpoint:
        return
    card = cached.card(run)
    st.caption(escaped(card.data.describe(level)))
    for limit in card.limits:
        st.caption(f":material/warning: {escaped(limit)}")
