"""Data: register a data set, see what it holds, and find out what is wrong with it."""

from typing import Final

import streamlit as st

from mammo_core.datasets.dataset import Dataset, Registered, fingerprint_of
from pages.components.data.audit import show_audit
from pages.components.data.dataset import (
    forget_button,
    pick_registered,
    register_folder,
    show_export,
    show_identity,
    show_images,
    show_overview,
    show_split,
    show_verification,
)
from pages.components.shared import cached
from pages.components.shared.frame import noted_errors, require_frame

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
        show_verification(chosen, read)
        show_section(read, chosen)
    forget_button(chosen)
