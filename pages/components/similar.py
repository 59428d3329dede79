"""Small pictures of a run's own images, from the cache on this computer alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import MammoError
from mammo_core.paths import cache_root
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from pages.components.run_data import dataset_of

_WHITE = 65535


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
