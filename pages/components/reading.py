"""A checkpoint's reading of an image, computed once and kept. Nothing here decides anything."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.errors import CheckpointError
from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import Case, CaseImage, load_case, load_mammogram
from mammo_core.runs.folder import RunFolder

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import Checkpoint
    from mammo_core.inference.predictor import Reading

#: One inference at a time: four tabs at once would only slow each other down.
_ONE_AT_A_TIME = threading.Lock()


def read_image(run: RunFolder, case: Case, image: CaseImage) -> "Reading":
    """Score and heatmap of `image` by the checkpoint `run`."""
    return _read(run.path, _state_of(run), case.case_id, image.ref.image_id)


def forget_readings() -> None:
    """Drop every score and heatmap kept in memory."""
    _read.clear()


def _state_of(run: RunFolder) -> str:
    """Changes when a checkpoint's files do, so that no score outlives the weights it came from."""
    names = ("model_card.json", "weights.safetensors")
    missing = [name for name in names if not run.file(name).exists()]
    if missing:
        raise CheckpointError(f"Checkpoint {run.run_id} lacks {missing[0]}. Copy it again.")
    files = [run.file(name).stat() for name in names]
    return " ".join(f"{file.st_mtime_ns}:{file.st_size}" for file in files)


@st.cache_data(max_entries=64, show_spinner="Scoring…")
def _read(checkpoint: Path, state: str, case_id: str, image_id: str) -> "Reading":
    from mammo_core.inference.predictor import score_images

    model = _load(checkpoint, state)
    case = load_case(cases_root(), case_id)
    mammogram = load_mammogram(cases_root(), case, case.image(image_id))
    with _ONE_AT_A_TIME:
        (reading,) = score_images(model, [mammogram])
    return reading


@st.cache_resource(max_entries=3, show_spinner="Loading the model…")
def _load(checkpoint: Path, state: str) -> "Checkpoint":
    from mammo_core.inference.checkpoint import load_checkpoint

    return load_checkpoint(checkpoint)
