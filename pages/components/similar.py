"""Images that look alike to the model, with small pictures from this computer's cache alone."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammo_core.errors import MammoError
from mammo_core.paths import cache_root
from mammo_core.preprocessing.case_store import Case
from mammo_core.runs.card import ModelCard
from mammo_core.runs.embeddings import Embeddings
from mammo_core.runs.folder import RunFolder
from pages.components import cached
from pages.components.guard import escaped
from pages.components.reading import CaseReading
from pages.components.run_data import dataset_of

if TYPE_CHECKING:
    from mammo_core.inference.predictor import Reading

_WHITE = 65535
_SIMILAR = 4
PAIRED = "Alike, each with its other view beside it: two views make the likeness, one is shown."


def show_similar(case: Case, run: RunFolder, read: CaseReading, kept: Embeddings) -> None:
    card = cached.card(run)
    pictures = []
    for image_id, reading in read.readings.items():
        st.caption(f"**{escaped(case.image(image_id).title)}**")
        pictures.append(_show_neighbours(run, card, kept, reading))
    if card.model.views == 2:
        st.caption(PAIRED)
    if not any(pictures):
        st.caption("Their pictures are not prepared on this computer, so only words are shown.")


def _show_neighbours(run: RunFolder, card: ModelCard, kept: Embeddings, reading: "Reading") -> int:
    """The nearest images of training and validation; how many of them have a picture here."""
    from mammo_core.inference.neighbours import nearest

    found = 0
    columns = st.columns(_SIMILAR)
    for place, one in enumerate(nearest(reading.embedding, kept, count=_SIMILAR)):
        with columns[place]:
            picture = cached_picture(run, card, one.image_id)
            if picture is not None:
                st.image(picture, width="stretch", alt=f"{one.title}, {one.label}")
                found += 1
            st.caption(
                f"{escaped(one.title)}, {escaped(one.label)}, {escaped(one.split)}, "
                f"likeness {one.likeness:.3f}"
            )
    return found


def cached_picture(run: RunFolder, card: ModelCard, image_id: str) -> NDArray[np.uint8] | None:
    """The image as the model saw it; None where this computer does not have it prepared."""
    try:
        paths = _paths(run)
    except MammoError:  # its data set is not registered here, or was moved
        return None
    path = paths.get(image_id)
    if path is None:
        return None
    from mammo_core.preprocessing.cache import Cache, open_images

    cache = Cache(root=cache_root(), settings=card.prepare)
    try:
        images = open_images(cache, [dataset_of(run).root / path])
    except (MammoError, OSError):
        return None
    levels: NDArray[Any] = images.take(np.array([0]))[0]
    return np.asarray(levels // (_WHITE // 255), dtype=np.uint8)


def _paths(run: RunFolder) -> dict[str, str]:
    manifest = dataset_of(run).manifest
    return {
        str(name): str(path)
        for name, path in zip(manifest["image_id"], manifest["path"], strict=True)
    }
