"""From stored values to grey: modality, values of interest, photometric interpretation.

The order is that of PS3.4 N.2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError
from mammo_core.preprocessing.breast import breast_window
from mammo_core.preprocessing.dicom.header import (
    code,
    has_decimal_comma,
    is_present,
    items,
    number,
    numbers,
    raw,
    text,
    texts,
    words,
)
from mammo_core.preprocessing.dicom.matrix import PixelMatrix, StoredValues, Words
from mammo_core.preprocessing.dicom.parse import Family
from mammo_core.preprocessing.intensity import LOOKUP_TABLE, apply_window, grey_channel
from mammo_core.types import Pixels, Window

FUNCTIONS: Final = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookupTable:
    """`entries[i]` is the output for input `first + i`; beyond its ends the end entry counts."""

    name: str
    entries: NDArray[np.uint16]
    first: int
    top: int  # the output that is white

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.uint16]:
        index = np.rint(values).astype(np.int64) - self.first
        return self.entries[np.clip(index, 0, self.entries.size - 1)]


#: What the makers of machines call windows. All else is free text, which may name anybody.
_USUAL_NAMES: Final = (
    "NORMAL", "HARDER", "SOFTER", "HARD", "SOFT", "WINDOW1", "WINDOW2", "WINDOW3",
)  # fmt: skip


def read_windows(header: Dataset) -> tuple[list[Window], list[str]]:
    """All usable windows in units of the modality, in order, and what was wrong with the others."""
    centers, widths = numbers(header, "WindowCenter"), numbers(header, "WindowWidth")
    function, notes = _function(header)
    if has_decimal_comma(header, "WindowCenter") or has_decimal_comma(header, "WindowWidth"):
        notes.append("The window is written with a decimal comma; it was read as a point.")
    names = texts(header, "WindowCenterWidthExplanation")
    windows = []
    for place, (center, width) in enumerate(zip(centers, widths, strict=False)):
        name = names[place] if place < len(names) and names[place] in _USUAL_NAMES else ""
        if center is None or width is None or width <= 0:
            notes.append(
                f"Window {place + 1} has no width above 0 or is no number; it was left out."
            )
            continue
        if function == "LINEAR" and width < 1:
            notes.append(f"Window {place + 1} is narrower than 1; it was taken as LINEAR_EXACT.")
        windows.append(_window(name or f"Window {place + 1}", center, width, function=function))
    return windows, notes


def read_lookup(header: Dataset, sequence: str, *, is_signed: bool) -> LookupTable | None:
    """The first table of a sequence, or None where there is none; ValueError where it is broken."""
    tables = items(header, sequence)
    if not tables:
        if is_present(header, sequence):
            raise ValueError("it is empty")
        return None
    entries, first, bits = _read_entries(tables[0], "LUT")
    if is_signed and first >= 2**15:
        first -= 2**16
    top = max(2**bits - 1, int(entries.max()))
    return LookupTable(name=LOOKUP_TABLE, entries=entries, first=first, top=top)


def _read_entries(header: Dataset, table: str) -> tuple[NDArray[np.uint16], int, int]:
    """The entries of a table, the first value it maps, and its bits; ValueError where it is broken.

    pydicom's apply_voi, apply_color_lut and apply_windowing take a whole image and a flawless
    header; here a table is checked in words, and applied once to every level instead of pixel.
    """
    descriptor = words(header, f"{table}Descriptor")
    if len(descriptor) != 3 or not 8 <= descriptor[2] <= 16:
        raise ValueError("its descriptor is broken")
    count, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
    data = raw(header, f"{table}Data")
    if len(data) >= 2 * count:
        return np.asarray(words(header, f"{table}Data")[:count], dtype=np.uint16), first, bits
    if bits == 8 and len(data) >= count:
        return np.frombuffer(data[:count], dtype=np.uint8).astype(np.uint16), first, bits
    raise ValueError(f"it has {len(data) // 2} of {count} entries")


def moved(window: Window, levels: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Window:
    """The same window in other units, which may run the other way."""
    low, high = sorted(levels(np.array([window.low, window.high])).tolist())
    return replace(window, low=low, high=high)


def _window(name: str, center: float, width: float, *, function: str) -> Window:
    """C.11.2.1.2.1: LINEAR counts whole levels, so its ends lie half a level in."""
    if function == "LINEAR" and width >= 1:
        middle, half = center - 0.5, (width - 1) / 2
    else:
        middle, half = center, width / 2
    is_sigmoid = function == "SIGMOID"
    return Window(name=name, low=middle - half, high=middle + half, is_sigmoid=is_sigmoid)


def _function(header: Dataset) -> tuple[str, list[str]]:
    said = text(header, "VOILUTFunction").upper() or "LINEAR"
    if said in FUNCTIONS:
        return said, []
    return "LINEAR", [f"The window function {code(said)!r} is unknown; LINEAR was used."]


_WIDEST: Final = 2**16 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Toned:
    """An image in grey: `wide` before windowing, `pixels` after the first window. What the file
    stores is `wide` less `black`, or where it is not, `stored`.
    """

    wide: NDArray[np.uint16]
    pixels: Pixels
    windows: tuple[Window, ...]
    bits: int
    notes: tuple[str, ...]
    black: int = 0
    stored: NDArray[np.uint16] | None = None
    stored_window: Window | None = None


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
    levels, stored_window = _as_stored(stored, header, is_inverse=is_inverse)
    black = _steady(scale.wide[stored.used], levels[stored.used])
    turned = ("MONOCHROME1 was turned: tissue is bright.",) if is_inverse else ()
    return Toned(
        wide=wide,
        pixels=pixels,
        windows=windows,
        bits=stored.bits,
        notes=(*stored.notes, *scale.notes, *turned, *notes),
        black=black or 0,
        stored=levels[words] if black is None else None,
        stored_window=stored_window if black is None else None,
    )


def _as_stored(
    stored: StoredValues, header: Dataset, *, is_inverse: bool
) -> tuple[NDArray[np.uint16], Window | None]:
    """For each word the number that the file stores, black being 0; and the first window that shows
    something of those. Where the brightest is stored as the smallest, they are taken from the
    greatest in the image. No table is applied, and no logarithm taken.
    """
    used = stored.value[stored.used]
    slope, intercept = number(header, "RescaleSlope") or 1.0, number(header, "RescaleIntercept")
    lowest = int(used.min(initial=0))  # 0 unless values are signed
    greatest = int(used.max(initial=lowest))
    is_falling = is_inverse != (slope < 0)

    def levels(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return greatest - values if is_falling else values - lowest

    table = np.clip(levels(stored.value.astype(np.float64)), 0, _WIDEST).astype(np.uint16)
    table[stored.is_padding] = 0
    windows = tuple(
        moved(window, lambda values: levels((values - (intercept or 0.0)) / slope))
        for window in read_windows(header)[0]
    )
    useful, _ = _useful(windows, table[stored.used])
    is_plain = not is_present(header, "ModalityLUTSequence")
    return table, useful[0] if useful and is_plain else None


def _steady(wide: NDArray[np.uint16], levels: NDArray[np.uint16]) -> int | None:
    """By how much all of `wide` lie above `levels`; None where that differs."""
    if not wide.size:
        return 0
    above = wide.astype(np.int32) - levels
    return int(above[0]) if above[0] >= 0 and np.ptp(above) == 0 else None


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


_NEUTRAL: Final = 128  # PS3.3 C.7.6.3.1.2: a grey pixel has both colour differences at half range


def grey_of_channels(frame: Words, matrix: PixelMatrix, family: Family) -> NDArray[np.uint8]:
    """The one grey channel of an RGB or YBR frame; a coloured one is refused.

    The decoder of JPEG returns RGB, whatever the header calls it; the others undo YBR_RCT and
    YBR_ICT, but not YBR_FULL.
    """
    pixels = np.asarray(frame, dtype=np.uint8)
    if matrix.photometric == "YBR_FULL" and family is not Family.JPEG:
        luminance = pixels[..., 0].astype(np.int16)
        difference = pixels[..., 1:].astype(np.int16) - _NEUTRAL
        shifted = np.clip(luminance[..., None] + difference, 0, 255).astype(np.uint8)
        pixels = np.concatenate([pixels[..., :1], shifted], axis=-1)
    return np.asarray(grey_channel(pixels, highest=255), dtype=np.uint8)


def grey_of_palette(frame: Words, header: Dataset) -> tuple[Words, int]:
    """The grey values a palette (PS3.3 C.7.6.3.1.5) gives, and their bits; colour is refused."""
    try:
        channels = [
            _read_entries(header, f"{colour}PaletteColorLookupTable")
            for colour in ("Red", "Green", "Blue")
        ]
        if any(bits not in (8, 16) for _, _, bits in channels):
            raise ValueError("its descriptor is broken")
        tables = np.stack([entries for entries, _, _ in channels], axis=-1)
    except ValueError:
        raise ReadError(
            "broken_palette",
            "This DICOM's pixels are numbers into a colour table, and the table is broken or "
            "missing.",
            "Export it as MONOCHROME2.",
        ) from None
    first, bits = channels[0][1:]
    index = np.clip(frame.astype(np.int32) - first, 0, len(tables) - 1)
    grey_channel(tables[np.unique(index)] >> (bits - 8), highest=255)
    return tables[:, 1][index], bits
