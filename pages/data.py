"""Data: register a data set, see what it holds, and find out what is wrong with it."""

from typing import Final

import streamlit as st

from mammo_core.datasets.reading import Dataset, fingerprint_of
from mammo_core.datasets.registry import Registered
from pages.components import cached
from pages.components.audit_view import show_audit
from pages.components.data_register import forget_button, pick_registered, register_folder
from pages.components.data_view import (
    show_export,
    show_identity,
    show_images,
    show_overview,
    show_split,
)
from pages.components.frame import require_frame
from pages.components.guard import noted_errors

SECTIONS: Final = ("Overview", "Audit", "Images", "Split", "Export")


def show_section(dataset: Dataset, entry: Registered) -> None:
    section = st.segmented_control(
        "Show", SECTIONS, default="Overview", required=True, key="section", bind="query-params"
    )
    if section == "Overview":
        show_overview(dataset)
    elif section == "Audit":
        show_audit(entry, fingerprint=fingerprint_of(dataset.manifest))
    elif section == "Images":
        show_images(dataset)
    elif section == "Split":
        show_split(dataset)
    else:
        show_export(dataset)


require_frame()
st.title("Data")
chosen = None
with noted_errors():
    chosen = pick_registered()
register_folder(is_open=chosen is None)
if chosen is not None:
    with noted_errors():
        read = cached.dataset(chosen)
        show_identity(read)
        show_section(read, chosen)
    forget_button(chosen)
