"""From stored values to grey: modality, values of interest, photometric interpretation (PS3.4 N.2).

Everything here works on tables with one entry per possible word (at most 65,536), so it costs
nothing; the image itself is looked up once for `wide` and once for `pixels`.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.preprocessing.breast_range import breast_window
from mammo_core.preprocessing.dicom.header import is_present, number, text
from mammo_core.preprocessing.dicom.matrix import Words
from mammo_core.preprocessing.dicom.stored import StoredValues
from mammo_core.preprocessing.dicom.voi import apply_window, moved, read_lookup, read_windows
from mammo_core.types import Pixels, Window

_WIDEST: Final = 2**16 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Toned:
    """An image in grey: `wide` before windowing, `pixels` after the first window."""

    wide: NDArray[np.uint16]
    pixels: Pixels
    windows: tuple[Window, ...]
    bits: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scale:
    """For each word its value in `wide`, and the windows in those units."""

    wide: NDArray[np.uint16]
    windows: tuple[Window, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Modality:
    """For each word its value in the units of the machine, in which windows are written.

    `(value - lowest) * gain` counts levels from 0 to `top`, as whole numbers.
    """

    values: NDArray[np.float64]
    lowest: float
    gain: float
    top: float
    notes: tuple[str, ...] = ()


def tone(words: Words, stored: StoredValues, header: Dataset) -> Toned:
    """Grey as the header asks for, tissue bright, padding black."""
    is_inverse = text(header, "PhotometricInterpretation").upper() == "MONOCHROME1"
    if _is_raw(header):
        scale = _logarithmic(stored, is_inverse=is_inverse)
    else:
        scale = _as_the_header_says(stored, header, is_inverse=is_inverse)
    wide = np.where(stored.is_padding, np.uint16(0), scale.wide)[words]
    is_padding = stored.is_padding[words] if stored.has_padding else None
    windows, notes = _useful(scale.windows, scale.wide[stored.used])
    if not windows and stored.bits > 8:
        windows = (breast_window(wide, is_padding),)
        notes = (*notes, "The header has no window: the range inside the breast is shown.")
    shown = windows[0] if windows else Window(name="All", low=0.0, high=2.0**stored.bits - 1)
    pixels = apply_window(shown, np.arange(_WIDEST + 1, dtype=np.float64))[wide]
    if is_padding is not None:
        pixels[is_padding] = 0.0
    turned = ("MONOCHROME1 was turned: tissue is bright.",) if is_inverse else ()
    return Toned(
        wide=wide,
        pixels=pixels,
        windows=windows,
        bits=stored.bits,
        notes=(*stored.notes, *scale.notes, *turned, *notes),
    )


def _is_raw(header: Dataset) -> bool:
    """PS3.3 C.8.11.3.1.2: values linear to X-ray intensity, before the machine's own processing.

    Where more intensity gives more value (sign 1), dense tissue holds the smallest numbers.
    """
    return (
        text(header, "PresentationIntentType").upper() == "FOR PROCESSING"
        and text(header, "PixelIntensityRelationship").upper() == "LIN"
        and (number(header, "PixelIntensityRelationshipSign") or 1.0) > 0
    )


def _logarithmic(stored: StoredValues, *, is_inverse: bool) -> _Scale:
    """Attenuation, not intensity, tells tissue: the logarithm spreads the dark end."""
    counts = (stored.value - stored.lowest).astype(np.float64)
    level = np.rint(_WIDEST * np.log1p(counts) / math.log1p(stored.highest - stored.lowest))
    wide = (_WIDEST - level if is_inverse else level).astype(np.uint16)
    note = "The values are raw detector counts; their logarithm is shown."
    return _Scale(wide=wide, windows=(), notes=(note,))


def _as_the_header_says(stored: StoredValues, header: Dataset, *, is_inverse: bool) -> _Scale:
    modality = _modality(stored, header)
    notes = list(modality.notes)
    try:
        is_signed = bool(modality.values.min() < 0)
        lookup = read_lookup(header, "VOILUTSequence", is_signed=is_signed)
    except ValueError as error:
        lookup = None
        notes.append(f"The header's VOI look-up table was left out: {error}.")
    if lookup is not None:
        level = lookup(modality.values)
        wide = (lookup.top - level if is_inverse else level).astype(np.uint16)
        notes.append(f"The header's look-up table {lookup.name!r} was applied.")
        window = Window(name=lookup.name, low=0.0, high=float(lookup.top))
        return _Scale(wide=wide, windows=(window,), notes=tuple(notes))

    def levels(values: NDArray[np.float64]) -> NDArray[np.float64]:
        rising = (values - modality.lowest) * modality.gain
        return modality.top - rising if is_inverse else rising

    windows, more = read_windows(header)
    return _Scale(
        wide=np.rint(np.clip(levels(modality.values), 0, _WIDEST)).astype(np.uint16),
        windows=tuple(moved(window, levels) for window in windows),
        notes=(*notes, *more),
    )


def _modality(stored: StoredValues, header: Dataset) -> _Modality:
    """PS3.3 C.11.1: a table, or a slope and an intercept."""
    notes: tuple[str, ...] = ()
    try:
        lookup = read_lookup(header, "ModalityLUTSequence", is_signed=stored.lowest < 0)
    except ValueError as error:
        lookup = None
        notes = (f"The header's modality look-up table was left out: {error}.",)
    if lookup is not None:
        values = lookup(stored.value.astype(np.float64)).astype(np.float64)
        note = "The header's modality look-up table was applied."
        return _Modality(values=values, lowest=0.0, gain=1.0, top=lookup.top, notes=(note,))
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    if not slope:
        if is_present(header, "RescaleSlope"):
            notes = (*notes, "The rescale slope is 0 or no number; 1 was used.")
        slope = 1.0
    values = np.asarray(stored.value * slope + (intercept or 0.0), dtype=np.float64)
    return _Modality(
        values=values,
        lowest=float(values.min()),
        gain=1.0 / abs(slope),
        top=float(stored.highest - stored.lowest),
        notes=notes,
    )


def _useful(
    windows: tuple[Window, ...], used: NDArray[np.uint16]
) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    """The windows through which this image shows something, and a note for each other one."""
    if np.unique(used).size < 2:
        return windows, ()
    levels = used.astype(np.float64)
    useful = tuple(window for window in windows if np.ptp(apply_window(window, levels)) > 0)
    left_out = [window.name for window in windows if window not in useful]
    return useful, tuple(
        f"The window {name!r} shows nothing of this image; it was left out." for name in left_out
    )
