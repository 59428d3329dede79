"""The frame around every page: navigation, and the reminder that this is research."""

import streamlit as st

from pages.components.shared.frame import ICON, draw_frame, remember_view, shown_errors
from pages.components.shared.tour import show_tour

#: Each page with its icon. The icon is not given to st.Page: the browser would fetch it from a font
#: server as the tab's favicon.
PAGES = {
    st.Page("pages/read.py", title="Read", default=True): ":material/radiology:",
    st.Page("pages/thresholds.py", title="Thresholds"): ":material/tune:",
    st.Page("pages/compare.py", title="Compare"): ":material/leaderboard:",
    st.Page("pages/train.py", title="Train"): ":material/model_training:",
    st.Page("pages/data.py", title="Data"): ":material/database:",
    st.Page("pages/help.py", title="Help"): ":material/help:",
}

page = st.navigation(list(PAGES), position="hidden")
st.set_page_config(page_title=f"{page.title} · Mammoscope", page_icon=ICON, layout="wide")
draw_frame(PAGES)
show_tour(page, PAGES)
try:
    with shown_errors():  # what nobody nearer has put in words
        page.run()
finally:
    remember_view(page.title)
