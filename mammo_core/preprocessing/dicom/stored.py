"""From the words of a file to the stored values: which bits count, and what sign they have.

Words have at most 16 bits, so everything that happens to a pixel on its own is one table with an
entry for each possible word. The tables here are worked out from the words that do occur.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.preprocessing.dicom.header import (
    OVERLAY_BIT_POSITION,
    OVERLAY_DATA,
    integer,
    is_present,
    overlays,
    raw,
)
from mammo_core.preprocessing.dicom.matrix import PixelMatrix, Words

Flags = NDArray[np.bool_]
_OVERSHOOT: Final = 1.25  # of the range: more is a header that lies, not a codec that rings
_HIDDEN_BITS: Final = "Bits beyond the stored ones hold an overlay; they were left out."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredValues:
    """For each possible word: its value, and whether it is padding around the image."""

    value: NDArray[np.int32]
    is_padding: Flags
    used: NDArray[np.intp]  # the words that do occur, without padding
    has_padding: bool
    bits: int
    lowest: int
    highest: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    bits: int
    shift: int = 0  # how far up in their words the bits lie
    is_clipped: bool = False
    notes: tuple[str, ...] = ()


def stored_values(
    words: Words, matrix: PixelMatrix, header: Dataset, *, is_lossy: bool
) -> StoredValues:
    """PS3.5 8.1.1: `bits_stored` bits up to `high_bit`, two's complement where signed."""
    occurs = np.zeros(2**matrix.bits_allocated, dtype=np.bool_)
    occurs[words.ravel()] = True
    is_padding = _padding_words(header, matrix, occurs.size)
    used = np.flatnonzero(occurs & ~is_padding)
    layout = _layout(used, matrix, header, is_lossy=is_lossy) if used.size else _said(matrix)
    bits = layout.bits
    value = np.arange(occurs.size, dtype=np.int32) >> layout.shift
    value = np.minimum(value, 2**bits - 1) if layout.is_clipped else value & (2**bits - 1)
    lowest = 0
    if matrix.is_signed:
        lowest = -(2 ** (bits - 1))
        value = np.where(value >= 2 ** (bits - 1), value - 2**bits, value).astype(np.int32)
    has_padding = bool((occurs & is_padding).any())
    padding_note = ("Padding around the image was made background.",) if has_padding else ()
    return StoredValues(
        value=value,
        is_padding=is_padding,
        used=used,
        has_padding=has_padding,
        bits=bits,
        lowest=lowest,
        highest=lowest + 2**bits - 1,
        notes=(*layout.notes, *padding_note),
    )


def _padding_words(header: Dataset, matrix: PixelMatrix, count: int) -> Flags:
    """PS3.3 C.7.5.1.1.2: one value, or all between it and the range limit.

    The value may lie outside of the stored bits; and writers mix up its sign.
    """
    value = integer(header, "PixelPaddingValue")
    if value is None:
        return np.zeros(count, dtype=np.bool_)
    limit = integer(header, "PixelPaddingRangeLimit")
    numbers = np.arange(count, dtype=np.int32)
    if matrix.is_signed:
        span = 2**matrix.bits_stored
        is_short = (numbers >= span // 2) & (numbers < span)  # no sign carried on
        numbers = np.where(is_short, numbers - span, numbers)
        numbers = np.where(numbers >= count // 2, numbers - count, numbers)
    ends = [_as_number(end, count, matrix) for end in (value, value if limit is None else limit)]
    return np.asarray((numbers >= min(ends)) & (numbers <= max(ends)), dtype=np.bool_)


def _as_number(value: int, count: int, matrix: PixelMatrix) -> int:
    word = value % count
    return word - count if matrix.is_signed and word >= count // 2 else word


def _said(matrix: PixelMatrix) -> _Layout:
    return _Layout(bits=matrix.bits_stored, shift=matrix.high_bit + 1 - matrix.bits_stored)


def _layout(
    used: NDArray[np.intp], matrix: PixelMatrix, header: Dataset, *, is_lossy: bool
) -> _Layout:
    """Which bits count: those the header says, unless the pixels prove it wrong."""
    said = _said(matrix)
    bits, highest = said.bits, int(used.max())
    below = bool((used & (2**said.shift - 1)).any())
    above = _bits_above(used, matrix)
    if _has_hidden_overlay(header):
        return replace(said, notes=(_HIDDEN_BITS,) if below or above else ())
    if said.shift and below and highest < 2**bits:
        note = f"The header puts the highest bit at {matrix.high_bit}; the pixels do not, and won."
        return _Layout(bits=bits, notes=(note,))
    if said.shift:
        return replace(said, notes=(f"Stored values lie {said.shift} bits up in their words.",))
    if not above:
        return said
    if is_lossy and not matrix.is_signed and highest < _OVERSHOOT * 2**bits:
        note = f"Lossy compression went beyond {bits} bits; what is above was cut off."
        return _Layout(bits=bits, is_clipped=True, notes=(note,))
    real = matrix.bits_allocated if matrix.is_signed else highest.bit_length()
    note = f"The header says {bits} bits are stored; the pixels have {real}."
    return _Layout(bits=real, notes=(note,))


def _bits_above(used: NDArray[np.intp], matrix: PixelMatrix) -> bool:
    """Whether bits above the stored ones are set, other than a sign carried on."""
    above = used >> (matrix.high_bit + 1)
    if not matrix.is_signed:
        return bool(above.any())
    is_negative = (used >> matrix.high_bit) & 1 == 1
    all_set = 2 ** (matrix.bits_allocated - matrix.high_bit - 1) - 1
    return bool(((above != 0) & ~(is_negative & (above == all_set))).any())


def _has_hidden_overlay(header: Dataset) -> bool:
    """PS3.3 C.9.2 (retired use): an overlay without data of its own lies in unused bits."""
    return any(
        is_present(header, (group << 16) + OVERLAY_BIT_POSITION)
        and not raw(header, (group << 16) + OVERLAY_DATA)
        for group in overlays(header)
    )
