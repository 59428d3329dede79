"""The data set a run learnt from, as its settings name it."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import MammoError, RunError
from mammo_core.runs.folder import RunFolder
from pages.components import cached
from pages.components.guard import escaped

if TYPE_CHECKING:  # imported where asked for: most of a page needs none of it
    from mammo_core.datasets.reading import Dataset

_SETTINGS: Final = "run.json"


def shown_dataset(run: RunFolder) -> "Dataset | None":
    """The data set of `run`; None, and why in words, where its images are not on this computer."""
    try:
        return dataset_of(run)
    except MammoError as error:
        st.info(escaped(str(error)), icon=":material/hide_image:")
        return None


def dataset_of(run: RunFolder) -> "Dataset":
    if not run.file(_SETTINGS).exists():
        raise RunError(
            f"{run.run_id} came from elsewhere, without the settings of its training: which images "
            "on this computer are its own is not known, so none are shown. It reads like any other "
            "model."
        )
    from mammo_core.datasets.reading import find_folder
    from mammo_core.datasets.registry import Registered

    data = load_settings(run.file(_SETTINGS), RunConfig).data
    return cached.dataset(
        Registered(
            name=data.folder,
            folder=str(find_folder(data.folder)),
            adapter=data.adapter,
            label_rule=data.label_rule,
        )
    )
