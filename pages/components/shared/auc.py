"""The AUC of the cases, what it owes to age, density, sites and machines, and what must be known of
the data and the models behind it.
"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.cases import levels_of, why_no_auc
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level
from pages.components.shared import cached
from pages.components.shared.counting import Counted, Counting
from pages.components.shared.frame import escaped, noted_errors, without_notice
from pages.components.shared.scored import Scored


def show_auc(counted: Counted) -> None:
    cases = counted.cases
    reason = why_no_auc(cases)
    if reason:
        st.caption(escaped(reason))
        show_one_breast(counted.rows, counted.scored, counted.counting)
        return
    auc = cached.auc(cases, **counted.named)
    st.caption(
        f"AUC {auc.value:.3f}, 95 % {auc.low:.3f} to {auc.high:.3f} ({auc.method}).",
        help=meaning("AUC", "ROC curve", "95 % interval", "DeLong", "Obuchowski", "Newcombe"),
    )
    beyond = cached.beyond(counted.rows, **counted.named)
    if beyond is not None:
        st.caption(escaped(beyond.sentence))
    for within in cached.within(counted.rows, cases, **counted.named):
        if within.is_flagged:
            st.warning(escaped(within.sentence), icon=":material/warning:")
        else:
            st.caption(escaped(within.sentence))


def show_one_breast(rows: pd.DataFrame, scored: Scored, counting: Counting) -> None:
    """By woman: an AUC of one breast each, in the place of one that counting would have made."""
    is_by_woman = counting.level in (Level.EXAM, Level.PATIENT)
    if not is_by_woman or Level.BREAST not in levels_of(rows) or rows["positive"].nunique() < 2:
        return
    with noted_errors():
        drawn = cached.one_breast(
            rows, source=scored.source, split=counting.split, finding=scored.finding
        )
        st.caption(escaped(drawn.sentence))


def show_provenance(runs: Sequence[RunFolder], level: Level) -> None:
    """Population, reference standard and label level; then what limits the models. Said once
    where several runs say the same.
    """
    cards = [cached.card(run) for run in runs if run.is_checkpoint]
    for sentence in dict.fromkeys(card.data.describe(level) for card in cards):
        st.caption(escaped(sentence))
    for limit in without_notice(limit for card in cards for limit in card.limits):
        st.caption(f":material/warning: {escaped(limit)}")
