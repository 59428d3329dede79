"""What is kept in memory of a checkpoint: its network, ready to run, and its embeddings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.errors import CheckpointError
from mammo_core.runs.card import read_card
from mammo_core.runs.embeddings import FILE_NAME as EMBEDDINGS_NAME
from mammo_core.runs.embeddings import Embeddings, read_embeddings
from mammo_core.runs.folder import RunFolder

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import Checkpoint
    from mammo_core.inference.engine import Engine
    from mammo_core.inference.familiarity import Reference


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warm:
    """A checkpoint, loaded, and the engine that runs it."""

    checkpoint: "Checkpoint"
    engine: "Engine"


def warm(run: RunFolder) -> Warm:
    """The checkpoint in memory; loaded, and its network converted, on first use."""
    return _warm(run.path, state_of(run))


def kept_embeddings(run: RunFolder) -> Embeddings | None:
    """Those kept with the checkpoint; None where there are none."""
    path = run.file(EMBEDDINGS_NAME)
    return _embeddings(path, path.stat().st_mtime_ns) if path.exists() else None


def reference_of(run: RunFolder) -> "Reference | None":
    """What familiarity is told by; None where too little is kept."""
    path = run.file(EMBEDDINGS_NAME)
    return _reference(path, path.stat().st_mtime_ns) if path.exists() else None


def state_of(run: RunFolder) -> str:
    """Changes when a checkpoint's files do, so that no score outlives the weights it came from."""
    names = ("model_card.json", "weights.safetensors")
    missing = [name for name in names if not run.file(name).exists()]
    if missing:
        raise CheckpointError(f"Checkpoint {run.run_id} lacks {missing[0]}. Copy it again.")
    files = [run.file(name).stat() for name in names]
    return " ".join(f"{file.st_mtime_ns}:{file.st_size}" for file in files)


@st.cache_resource(max_entries=6, show_spinner="Loading the model…")
def _warm(checkpoint: Path, state: str) -> Warm:
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine

    loaded = load_checkpoint(checkpoint, device="auto")
    return Warm(checkpoint=loaded, engine=open_engine(loaded))


@st.cache_resource(max_entries=4, show_spinner=False)
def _embeddings(path: Path, modified: int) -> Embeddings | None:
    run = RunFolder(path.parent)
    return read_embeddings(run, read_card(run.file("model_card.json")))


@st.cache_resource(max_entries=4, show_spinner=False)
def _reference(path: Path, modified: int) -> "Reference | None":
    from mammo_core.inference.familiarity import make_reference

    kept = _embeddings(path, modified)
    return None if kept is None else make_reference(kept)
