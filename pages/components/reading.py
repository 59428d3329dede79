"""A checkpoint's reading of an image, computed once and kept. Nothing here decides anything."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import Case, CaseImage, load_case, load_mammogram
from mammo_core.runs.folder import RunFolder
from pages.components import cached

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import Checkpoint
    from mammo_core.inference.predictor import Reading

#: One inference at a time: four tabs at once would only slow each other down.
_ONE_AT_A_TIME = threading.Lock()


def read_image(run: RunFolder, case: Case, image: CaseImage) -> "Reading":
    """Score and heatmap of `image` by the checkpoint `run`."""
    weights = cached.card(run).weights_sha256
    return _read(run.path, weights, case.case_id, image.ref.image_id)


@st.cache_data(max_entries=64, show_spinner="Scoring…")
def _read(checkpoint: Path, weights: str, case_id: str, image_id: str) -> "Reading":
    from mammo_core.inference.predictor import score_images

    model = _load(checkpoint, weights)
    case = load_case(cases_root(), case_id)
    mammogram = load_mammogram(cases_root(), case, case.image(image_id))
    with _ONE_AT_A_TIME:
        (reading,) = score_images(model, [mammogram])
    return reading


@st.cache_resource(max_entries=3, show_spinner="Loading the model…")
def _load(checkpoint: Path, weights: str) -> "Checkpoint":
    from mammo_core.inference.checkpoint import load_checkpoint

    return load_checkpoint(checkpoint)
