"""Tiny image sets whose truth one sees at a glance."""

import numpy as np
import pandas as pd

from mammo_core.config import PrepareSettings
from mammo_core.tables import check_manifest
from mammo_core.training.data import ImageSet

SMALL = PrepareSettings(size=(32, 16))


def squares(count: int, *, seed: int = 0) -> ImageSet:
    """Every second image has a bright square somewhere: label 1."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(10_000, 20_000, size=(count, *SMALL.size), dtype=np.uint16)
    for number in range(1, count, 2):
        top, left = rng.integers(0, 24), rng.integers(0, 8)
        grey[number, top : top + 8, left : left + 8] = 60_000
    names = [f"I{number:03d}" for number in range(count)]
    manifest = check_manifest(pd.DataFrame({"image_id": names, "path": names}))
    return ImageSet(manifest=manifest, grey=grey, labels=np.arange(count, dtype=np.int64) % 2)
