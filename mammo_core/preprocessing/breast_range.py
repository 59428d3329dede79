"""The range of values a breast occupies: how an image without a window of its own is shown."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.breast import find_breast
from mammo_core.types import Window

PERCENTILES: Final = (0.5, 99.9)  # calcifications are few and bright: little is cut off above
NAME: Final = "Range inside the breast"

_SAMPLED_SIDE: Final = 1024


def breast_window(wide: NDArray[np.uint16], is_padding: NDArray[np.bool_] | None = None) -> Window:
    """The window from the 0.5th to the 99.9th percentile of the values inside the breast."""
    step = max(1, min(wide.shape) // _SAMPLED_SIDE)
    values = wide[::step, ::step]
    is_image = np.ones(values.shape, bool) if is_padding is None else ~is_padding[::step, ::step]
    if not is_image.any():
        return Window(name=NAME, low=0.0, high=1.0)
    lowest, highest = int(values[is_image].min()), int(values[is_image].max())
    if lowest == highest:
        return Window(name=NAME, low=lowest, high=lowest + 1.0)
    shown = (values.astype(np.float32) - lowest) / (highest - lowest)
    inside = find_breast(np.where(is_image, shown, np.float32(0.0))) & is_image
    low, high = np.percentile(values[inside] if inside.any() else values[is_image], PERCENTILES)
    return Window(name=NAME, low=float(low), high=float(max(high, low + 1.0)))
