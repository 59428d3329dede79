"""How bright an image is, in ten numbers: what a model could learn without seeing a shape."""

from typing import Final

import cv2
import numpy as np

from mammo_core.types import Pixels

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
GREY: Final = ("grey_mean", "grey_std", "grey_black", *(f"grey_q{q:.2f}" for q in QUANTILES))
_SMALL: Final = 128  # pixels
_BLACK: Final = 0.02


def reduced(pixels: Pixels) -> Pixels:
    """The image at 128 x 128 pixels, its shape given up: grey levels need none."""
    small = cv2.resize(pixels, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def grey_levels(small: Pixels) -> dict[str, float]:
    """The numbers named in GREY of a reduced image."""
    quantiles = np.quantile(small, QUANTILES)
    values = (small.mean(), small.std(), (small < _BLACK).mean(), *quantiles)
    return {name: float(value) for name, value in zip(GREY, values, strict=True)}
