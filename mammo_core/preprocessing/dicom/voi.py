"""The values of interest (PS3.3 C.11.2): windows and look-up tables, as files hold them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.preprocessing.dicom.header import (
    has_decimal_comma,
    is_present,
    items,
    numbers,
    quoted,
    raw,
    text,
    texts,
    words,
)
from mammo_core.types import Window

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


def read_windows(header: Dataset) -> tuple[list[Window], list[str]]:
    """All usable windows in units of the modality, in order, and what was wrong with the others."""
    centers, widths = numbers(header, "WindowCenter"), numbers(header, "WindowWidth")
    function, notes = _function(header)
    if has_decimal_comma(header, "WindowCenter") or has_decimal_comma(header, "WindowWidth"):
        notes.append("The window is written with a decimal comma; it was read as a point.")
    names = texts(header, "WindowCenterWidthExplanation")
    windows = []
    for place, (center, width) in enumerate(zip(centers, widths, strict=False)):
        name = quoted(names[place]) if place < len(names) and names[place] else ""
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
    descriptor = words(tables[0], "LUTDescriptor")
    if len(descriptor) != 3 or not 8 <= descriptor[2] <= 16:
        raise ValueError("its descriptor is broken")
    count, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
    if is_signed and first >= 2**15:
        first -= 2**16
    data = raw(tables[0], "LUTData")
    if len(data) >= 2 * count:
        entries = np.asarray(words(tables[0], "LUTData")[:count], dtype=np.uint16)
    elif bits == 8 and len(data) >= count:
        entries = np.frombuffer(data[:count], dtype=np.uint8).astype(np.uint16)
    else:
        raise ValueError(f"it has {len(data) // 2} of {count} entries")
    name = quoted(text(tables[0], "LUTExplanation")) or "Look-up table"
    return LookupTable(
        name=name, entries=entries, first=first, top=max(2**bits - 1, int(entries.max()))
    )


def apply_window(window: Window, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values to 0..1 through a window given in their own units."""
    width = window.high - window.low
    if window.is_sigmoid:
        center = (window.low + window.high) / 2
        exponent = np.clip(-4.0 * (values - center) / width, -700.0, 700.0)
        return (1.0 / (1.0 + np.exp(exponent))).astype(np.float32)
    if width <= 0:
        return (values > window.low).astype(np.float32)
    return np.clip((values - window.low) / width, 0.0, 1.0).astype(np.float32)


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
    return "LINEAR", [f"The window function {quoted(said)!r} is unknown; LINEAR was used."]
