"""The frame around every page: navigation, and the reminder that this is research."""

import streamlit as st

from pages.components.frame import draw_frame

PAGES = [
    st.Page("pages/read.py", title="Read", icon=":material/radiology:", default=True),
    st.Page("pages/thresholds.py", title="Thresholds", icon=":material/tune:"),
    st.Page("pages/compare.py", title="Compare", icon=":material/leaderboard:"),
    st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
]

st.set_page_config(page_title="Mammoscope", layout="wide")
page = st.navigation(PAGES)
draw_frame(PAGES)
page.run()
