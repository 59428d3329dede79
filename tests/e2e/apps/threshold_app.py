"""A page with nothing but the threshold slider. The address says how many cases."""

import numpy as np
import streamlit as st

from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.types import Level
from pages.components.shared.reruns import mend_reruns
from pages.components.thresholds.threshold import show_threshold_slider

FOUR_SCORES = np.array([0.2, 0.6, 0.7, 0.7])  # with cancer: the second and the last
FOUR_CANCERS = np.array([False, True, False, True])


@st.cache_data
def many(count: int) -> tuple[list[float], list[bool]]:
    draw = np.random.default_rng(0)
    cancer = draw.random(count) < 0.2
    logit = draw.normal(size=count) + np.where(cancer, 1.2, -1.2)
    return list(1 / (1 + np.exp(-logit))), list(cancer)


def cases() -> Cases:
    score, cancer = FOUR_SCORES, FOUR_CANCERS
    if "sixteenths" in st.query_params:  # of 16 without cancer 15 score below .5, turned 1
        low, high = (1, 15) if st.query_params["sixteenths"] == "turned" else (15, 1)
        score = np.array([0.1] * low + [0.6] * high + [0.9])
        cancer = np.array([False] * 16 + [True])
    if "crowded" in st.query_params:
        score = np.array([0.105] * 1000 + [0.605] * 10 + [0.9])
        cancer = np.array([False] * 1010 + [True])
    if "cases" in st.query_params:
        drawn = many(int(st.query_params["cases"]))
        score, cancer = np.array(drawn[0]), np.array(drawn[1])
    return Cases(
        level=Level.BREAST,
        rule=Pooling.MAX,
        case_ids=tuple(map(str, range(len(score)))),
        groups=np.arange(len(score)),
        positive=cancer,
        score=score,
        images=np.ones(len(score), dtype=np.intp),
    )


def keep(threshold: float) -> None:
    st.session_state.threshold = threshold


mend_reruns()
st.set_page_config(page_title="Threshold", layout="wide")
st.session_state.setdefault("threshold", 0.5)
st.session_state.runs = st.session_state.get("runs", 0) + 1
show_threshold_slider(
    cases(),
    threshold=st.session_state.threshold,
    on_release=keep,
    key="slider",
    prevalence=0.006,
)
st.button("Set to 0.65", on_click=keep, args=(0.65,))
st.text(f"Python has {st.session_state.threshold:.6f} after {st.session_state.runs} runs")
