"""What must be known of the data and the models behind a figure, in a few lines under it."""

from collections.abc import Sequence

import streamlit as st

from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level
from pages.components import cached
from pages.components.frame import without_notice
from pages.components.guard import escaped


def show_provenance(runs: Sequence[RunFolder], level: Level) -> None:
    """Population, reference standard and label level; then what limits the models. Said once
    where several runs say the same.
    """
    cards = [cached.card(run) for run in runs if run.is_checkpoint]
    for sentence in dict.fromkeys(card.data.describe(level) for card in cards):
        st.caption(escaped(sentence))
    for limit in without_notice(limit for card in cards for limit in card.limits):
        st.caption(f":material/warning: {escaped(limit)}")
