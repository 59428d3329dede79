"""The cases behind a cell of the confusion matrix or a bar of scores; which, stands in the URL."""

from typing import Final

import streamlit as st

from mammo_core.metrics.cases import asked_cases
from mammo_core.metrics.uncertainty import RatesAtThreshold
from pages.components.shared.counting import Counted
from pages.components.shared.frame import escaped, noted_errors

PARAMETER: Final = "cases"


def keep_opened(asked: str) -> None:
    """For callbacks."""
    st.query_params[PARAMETER] = asked


def close_opened() -> None:
    """For callbacks."""
    if PARAMETER in st.query_params:
        del st.query_params[PARAMETER]


def show_opened(counted: Counted, rates: RatesAtThreshold) -> None:
    """What was asked for, until it is closed."""
    asked = st.query_params.get(PARAMETER)
    if not asked:
        return
    with noted_errors(), st.container(border=True):
        found = asked_cases(counted.cases, asked, rates.point.threshold)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escaped(found.title)}**")
            st.button("Close", icon=":material/close:", key="opened_close", on_click=close_opened)
        st.dataframe({"case": found.case_ids}, hide_index=True, key="opened")
