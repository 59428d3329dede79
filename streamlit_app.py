"""The frame around every page: navigation, and the reminder that this is research."""

import streamlit as st

st.set_page_config(page_title="Mammoscope", layout="wide")
