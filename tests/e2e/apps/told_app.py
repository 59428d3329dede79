"""Two cases told of one after the other, laid out as on Read; the second waits to be scored."""

import time

import streamlit as st

from pages.components.read.pictures import lay_out, lay_out_told
from pages.components.shared.reruns import mend_reruns

mend_reruns()
case = st.query_params.get("case", "first")
place = lay_out(is_for_two="two" in st.query_params)
told = lay_out_told(place, of=case)
place.pictures.text(f"pictures of the {case}")
if case == "second" and "is_scored" not in st.session_state:
    time.sleep(1)
    st.session_state["is_scored"] = True
    st.rerun()
told.scores.text(f"score of the {case}")
told.behind.text(f"behind the score of the {case}")
if st.button("Second"):
    st.query_params["case"] = "second"
    st.rerun()
