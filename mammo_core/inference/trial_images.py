"""Synthetic images on which one engine is held against another."""

from typing import Final

import numpy as np

from mammo_core.config import PrepareSettings
from mammo_core.inference.forward import Batch
from mammo_core.preprocessing.phantom import VIEWS, PhantomSettings, draw_women
from mammo_core.preprocessing.phantom_view import render_view
from mammo_core.preprocessing.prepare import prepare
from mammo_core.types import ImageRef, Mammogram

_SIZE: Final = (512, 256)
_BITS: Final = 12


def trial_batch(settings: PrepareSettings, *, views: int = 1) -> Batch:
    """The four views of one synthetic woman, prepared; for two views each beside its partner."""
    (woman,) = draw_women(PhantomSettings(women=1, seed=0, size=_SIZE, cancer_share=1.0))
    images = [
        Mammogram(
            ref=ImageRef(image_id="trial"),
            pixels=render_view(breast, view, _SIZE).pixels,
            kind="drawn",
            bits=_BITS,
            is_synthetic=True,
        )
        for breast in woman.breasts
        for view in VIEWS
    ]
    batch = np.stack([prepare(image, settings).pixels for image in images])
    return batch if views == 1 else np.stack([batch, batch[[1, 0, 3, 2]]], axis=1)
