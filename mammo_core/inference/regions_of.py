"""The regions of a reading that stand out, in the image it was read from."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.explain.regions import Regions, find_regions
from mammo_core.inference.predictor import Reading
from mammo_core.preprocessing.breast import find_breast
from mammo_core.types import Mammogram, Pixels

_MASK_SIDE: Final = 800  # pixels in which the breast is found


def regions_of(mammogram: Mammogram, reading: Reading) -> Regions:
    return find_regions(
        reading.evidence,
        reading.geometry,
        _breast_of(mammogram.pixels),
        offset=reading.offset,
        is_relative=reading.is_relative,
        side=mammogram.ref.side,
        view=mammogram.ref.view,
    )


def _breast_of(pixels: Pixels) -> NDArray[np.bool_]:
    """The breast, found on every few pixels: a cell of a map is far larger than those between."""
    step = max(1, max(pixels.shape) // _MASK_SIDE)
    mask = find_breast(np.ascontiguousarray(pixels[::step, ::step]))
    whole: NDArray[np.bool_] = mask.repeat(step, axis=0).repeat(step, axis=1)
    return np.ascontiguousarray(whole[: pixels.shape[0], : pixels.shape[1]])
