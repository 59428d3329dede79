"""Three channels that are grey: told from a coloured picture, and reduced to one."""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError

Levels = TypeVar("Levels", NDArray[np.uint8], NDArray[np.uint16])

_TOLERANCE: Final = 10 / 255  # lossy compression alone makes channels differ by a few levels
_COLOURED_SHARE: Final = 0.01  # a coloured stamp in a corner makes no photograph of a mammogram


def grey_channel(pixels: Levels) -> Levels:
    """The green channel, closest to luminance, of (..., 3) that is grey; colour is refused."""
    spread = pixels.max(axis=-1) - pixels.min(axis=-1)
    share = float(np.mean(spread > _TOLERANCE * np.iinfo(pixels.dtype).max))
    if share > _COLOURED_SHARE:
        raise ReadError(
            "coloured",
            f"This picture is coloured ({share:.0%} of its pixels); a mammogram is grey.",
            "Is it a photograph or a screenshot? Export the mammogram itself.",
        )
    return np.ascontiguousarray(pixels[..., 1])
