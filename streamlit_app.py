"""The frame around every page: navigation, and the reminder that this is research."""

import streamlit as st

from pages.components.frame import ICON, draw_frame

PAGES = [
    st.Page("pages/read.py", title="Read", icon=":material/radiology:", default=True),
    st.Page("pages/thresholds.py", title="Thresholds", icon=":material/tune:"),
    st.Page("pages/compare.py", title="Compare", icon=":material/leaderboard:"),
    st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
]

page = st.navigation(PAGES)
# After the navigation: a page's Material icon would be fetched from a font server as its favicon.
st.set_page_config(page_title=f"{page.title} · Mammoscope", page_icon=ICON, layout="wide")
draw_frame(PAGES)
page.run()
