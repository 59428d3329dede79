"""The way out of a reader study."""

import streamlit as st


def offer_to_leave() -> None:
    """In the place of the links to other pages, which the frame leaves out meanwhile."""
    st.caption("A reader study is open. Other pages may show its scores and truth.")
    with st.popover("Leave the study", icon=":material/logout:"):
        st.caption("Answers that are locked are kept; the link leads back to the case you are at.")
        st.button("Leave", key="leave_study", on_click=_leave)


def _leave() -> None:
    """A callback: the reader's code is in the address by a widget, which alone may change it."""
    st.session_state["reader"] = ""
    st.query_params.pop("study", None)
