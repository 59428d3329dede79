"""Read: drop a mammogram or click a sample; see score, verdict and heatmap."""

import streamlit as st

from pages.components.read.archive import is_search_opened
from pages.components.read.intake import hide_last_case, is_read_first, note_whole, open_case
from pages.components.read.listed import follow_list, keep_list, score_rest
from pages.components.read.reading import load_in_background
from pages.components.read.studies import show_study
from pages.components.read.workspace import show_first_visit, show_opened, show_unread
from pages.components.shared.frame import remember_view, require_frame

require_frame()
if "study" in st.query_params:
    show_study()
    st.stop()
follow_list()
opened = open_case()
keep_list()
remember_view("Read")
hide_last_case(opened)
if opened is not None and is_read_first():
    show_unread(opened)
    note_whole(opened)
    st.stop()
run = show_opened(opened) if opened is not None else show_first_visit()
if run is not None:
    load_in_background(run)
    if opened is not None and not is_search_opened():
        score_rest(run)
note_whole(opened)
