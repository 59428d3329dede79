"""The cases on the wrong side of the threshold."""

import streamlit as st

from mammo_core.metrics.mistakes import mistakes
from mammo_core.metrics.uncertainty import RatesAtThreshold
from pages.components.counting import Counted


def show_mistakes(counted: Counted, rates: RatesAtThreshold) -> None:
    point = rates.point
    st.caption(
        f"{point.false_negatives:,} of {point.positives:,} cancers missed, "
        f"{point.false_positives:,} false alarms among {point.negatives:,}; furthest first."
    )
    st.dataframe(mistakes(counted.cases, point.threshold), hide_index=True, key="mistakes")
