"""Three channels that are grey: told from a coloured picture, and reduced to one."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError

Levels = NDArray[np.uint8] | NDArray[np.uint16]

_TOLERANCE: Final = 10 / 255  # lossy compression alone makes channels differ by a few levels
_COLOURED_SHARE: Final = 0.01  # a coloured stamp in a corner makes no photograph of a mammogram


def levels(values: NDArray[Any], highest: int) -> Levels:
    """Whole numbers up to `highest` in the smallest type that holds them."""
    return values.astype(np.uint8) if highest < 256 else values.astype(np.uint16)


def grey_channel(pixels: NDArray[Any], *, highest: int) -> Levels:
    """The green channel, closest to luminance, of (..., 3) that is grey; colour is refused."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    brightest = np.maximum(np.maximum(red, green), blue)
    spread = brightest - np.minimum(np.minimum(red, green), blue)
    share = float(np.mean(spread > _TOLERANCE * highest))
    if share > _COLOURED_SHARE:
        raise ReadError(
            "coloured",
            f"This picture is coloured ({share:.0%} of its pixels); a mammogram is grey.",
            "Is it a photograph or a screenshot? Export the mammogram itself.",
        )
    return levels(green, highest)
