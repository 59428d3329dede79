"""What an image is before anybody looks for cancer in it: a mammogram, a blank frame or a mask, and
which way round its grey values are. Reading, audit, predict and evaluate all ask this one judge.
"""

from collections.abc import Mapping
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError
from mammo_core.preprocessing.intensity import Levels
from mammo_core.types import Mammogram, Pixels, Unfit

WHY: Final[Mapping[Unfit, str]] = {
    Unfit.BLANK: "This image is blank: there is next to nothing to see in it.",
    Unfit.MASK: "This image has two values only: it is a mask or a drawing, no mammogram.",
}
_CODES: Final = {Unfit.BLANK: "blank", Unfit.MASK: "mask"}  # of a ReadError
_HINT: Final = "Images that are no mammograms get no score, and are counted."

_SMALL: Final = 128  # pixels; reduced, noise and letters all but vanish
_FEWEST_LEVELS: Final = 10  # stored grey levels that the reduced image must span
_LEAST_SPREAD: Final = 2.5  # stored grey levels, standard deviation of the reduced image
_ALL_BUT_SPECKS: Final = (0.2, 99.8)  # percentiles
_END: Final = 0.05  # as near to black or white the pixels of a mask are; JPEG smears them a little
_OF_TWO_VALUES: Final = 0.98  # share of the pixels of a mask that lie at an end
_SAMPLED_SIDE: Final = 1024


def judge(pixels: Pixels, *, stored: Levels) -> Unfit | None:
    """Why `pixels` are no mammogram; None where they may be one.

    `stored` are the grey values in the file: a dark frame whose noise a window has stretched to
    full contrast is still blank.
    """
    if is_mask(pixels):
        return Unfit.MASK
    small = reduced(_sampled(stored))
    low, high = np.percentile(small, _ALL_BUT_SPECKS)
    is_blank = high - low < _FEWEST_LEVELS or float(small.std()) < _LEAST_SPREAD
    return Unfit.BLANK if is_blank else None


def is_mask(pixels: Pixels) -> bool:
    """Whether nearly every pixel is black or white, and some are white."""
    if float(pixels.max()) <= 1 - _END:
        return False
    sampled = _sampled(pixels)
    return bool(np.mean((sampled < _END) | (sampled > 1 - _END)) > _OF_TWO_VALUES)


def refuse_no_mammogram(mammogram: Mammogram) -> None:
    """Raise what `judge` said of it when it was read, if it is no mammogram."""
    unfit = mammogram.info.unfit
    if unfit is not None:
        raise ReadError(_CODES[unfit], WHY[unfit], _HINT)


def unfit_of(error: ReadError) -> Unfit | None:
    """What was refused by `refuse_no_mammogram`; None where a file could not be read at all."""
    return next((unfit for unfit, code in _CODES.items() if code == error.code), None)


_RING: Final = (0.06, 0.12)  # of the side: how far from the border one looks
_WIDE_RING: Final = (0.04, 0.20)
_FLATTEST: Final = 0.25  # of the places in the ring
_FLAT: Final = 0.06  # unrest, of the image's range, up to which a place is flat ground
_FEWEST_FLAT: Final = 0.02  # of the wide ring; of fewer places no commonest level is taken
_BRIGHT: Final = 0.6  # between the dark end (0) and the bright end (1) of the image
_BINS: Final = np.linspace(-0.1, 1.1, 25)


def has_bright_background(pixels: Pixels) -> bool:
    """Whether the ground around the breast is bright, by two signs that must agree.

    The flattest quarter of a ring near the border is bright on average; so is the commonest level
    of all flat places there. A strip of unexposed film or a burnt-out pectoral muscle is the
    flattest thing of some films, but hardly ever the commonest.
    """
    small = reduced(pixels)
    dark, bright = np.percentile(small, (1.0, 99.0))
    if dark == bright:
        return False
    level = (small - dark) / (bright - dark)
    around = np.ones((3, 3), dtype=np.uint8)
    unrest = np.asarray(cv2.dilate(level, around) - cv2.erode(level, around), dtype=np.float32)
    narrow = _ring(_RING)
    is_flat = unrest[narrow] <= np.quantile(unrest[narrow], _FLATTEST)
    if float(level[narrow][is_flat].mean()) <= _BRIGHT:
        return False
    wide = _ring(_WIDE_RING)
    return _commonest(level[wide & (unrest < _FLAT)], least=_FEWEST_FLAT * wide.sum()) > _BRIGHT


def _ring(reach: tuple[float, float]) -> NDArray[np.bool_]:
    outer, inner = (round(part * _SMALL) for part in reach)
    ring = np.zeros((_SMALL, _SMALL), dtype=np.bool_)
    ring[outer:-outer, outer:-outer] = True
    ring[inner:-inner, inner:-inner] = False
    return ring


def _commonest(values: Pixels, *, least: float) -> float:
    """The middle of the fullest three bins in a row; 1 where there are too few values to tell."""
    if len(values) < least:
        return 1.0
    counts = np.convolve(np.histogram(values, bins=_BINS)[0], np.ones(3), "same")
    fullest = int(counts.argmax())
    return float(_BINS[fullest] + _BINS[fullest + 1]) / 2


def _sampled(pixels: NDArray[Any]) -> NDArray[Any]:
    step = max(1, min(pixels.shape) // _SAMPLED_SIDE)
    return np.ascontiguousarray(pixels[::step, ::step])


def reduced(pixels: NDArray[Any]) -> Pixels:
    """The image at 128 x 128 pixels, its shape given up: grey levels need none."""
    small = cv2.resize(pixels, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)
