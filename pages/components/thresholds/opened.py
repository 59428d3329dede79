"""The cases behind a cell of the confusion matrix or a bar of scores; which, stands in the URL."""

from typing import Final

import streamlit as st

from mammo_core.metrics.cases import asked_cases
from mammo_core.metrics.uncertainty import RatesAtThreshold
from pages.components.shared.caselist.panel import counted_listing, show_cases_panel
from pages.components.shared.counting import Counted
from pages.components.shared.frame import escaped, noted_errors

PARAMETER: Final = "cases"


def keep_opened(asked: str) -> None:
    """For callbacks."""
    st.query_params[PARAMETER] = asked


def close_opened() -> None:
    """For callbacks."""
    st.query_params.pop(PARAMETER, None)


def show_opened(counted: Counted, rates: RatesAtThreshold) -> None:
    """What was asked for, until it is closed."""
    asked = st.query_params.get(PARAMETER)
    if not asked:
        return
    threshold = rates.point.threshold
    with noted_errors(), st.container(border=True, key="opened_cases"):
        found = asked_cases(counted.cases, asked, threshold)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escaped(found.title)}**")
            st.button("Close", icon=":material/close:", key="opened_close", on_click=close_opened)
        listing = counted_listing(counted, found.case_ids, threshold=threshold)
        show_cases_panel(listing, key="opened")
