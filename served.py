"""The app behind its guard: what start.py runs. `streamlit run streamlit_app.py` has no guard."""

import os

import streamlit as st
from starlette.middleware import Middleware
from streamlit import net_util

from launcher.guard import Guard, rules_from
from mammo_core.files import cases_root, checkpoints_root, home, keep_private, sweep_scratch

keep_private()
for folder in (home(), cases_root(), checkpoints_root()):
    sweep_scratch(folder)
# To tell whether an Origin is its own, Streamlit would ask an outside host for this one's address.
for lookup in ("get_external_ip", "get_internal_ip"):
    setattr(net_util, lookup, lambda: None)

app = st.App("streamlit_app.py", middleware=[Middleware(Guard, rules=rules_from(os.environ))])
