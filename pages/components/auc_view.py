"""The AUC of the cases, and what it owes to age, density, sites and machines."""

import streamlit as st

from mammo_core.metrics.artefact import why_no_auc
from mammo_core.metrics.cases import values_of
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.metrics.within import auc_within
from pages.components import cached
from pages.components.counting import Counted
from pages.components.guard import escaped


def show_auc(counted: Counted) -> None:
    cases = counted.cases
    reason = why_no_auc(cases)
    if reason:
        st.caption(reason)
        return
    auc = auc_with_interval(cases)
    st.caption(f"AUC {auc.value:.3f}, 95 % {auc.low:.3f} to {auc.high:.3f} ({auc.method}).")
    counting = counted.counting
    beyond = cached.beyond(
        counted.rows,
        source=counted.scored.source,
        split=counting.split,
        level=counting.level,
        rule=counting.rule,
    )
    if beyond is not None:
        st.caption(escaped(beyond.sentence))
    for column in ("site", "machine"):
        within = auc_within(cases, values_of(counted.rows, cases, column), column=column)
        if within is not None and within.is_flagged:
            st.warning(escaped(within.sentence), icon=":material/warning:")
        elif within is not None:
            st.caption(escaped(within.sentence))
