"""Help: the tour, the example project, and every term in one sentence."""

import streamlit as st

from mammo_core.glossary import MEANINGS
from pages.components.shared.example import show_example
from pages.components.shared.frame import require_frame
from pages.components.shared.tour import begin_tour

require_frame()
with st.container(horizontal=True, vertical_alignment="bottom"):
    st.title("Help", width="content")
    if st.button("Take the tour", icon=":material/tour:", key="tour_again"):
        begin_tour()
        st.rerun()
with st.container(key="example", border=True):
    show_example()
st.subheader("Terms")
st.caption("The same sentences stand behind the `?` of these words on every page.")
wanted = st.text_input("Find a term", key="term", placeholder="calibration").strip().casefold()
found = {
    term: sentence
    for term, sentence in sorted(MEANINGS.items(), key=lambda each: each[0].casefold())
    if wanted in f"{term} {sentence}".casefold()
}
if found:
    st.markdown("\n".join(f"* **{term}**: {sentence}" for term, sentence in found.items()))
else:
    st.info("No term here has that in it.", icon=":material/search_off:")
