"""From the words of a file to the stored values: which bits count, and what sign they have.

Words have at most 16 bits, so everything that happens to a pixel on its own is one table with an
entry for each possible word. The tables here are worked out from the words that do occur.
"""

from dataclasses import dataclass
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


def stored_values(words: Words, matrix: PixelMatrix, header: Dataset) -> StoredValues:
    """PS3.5 8.1.1: `bits_stored` bits up to `high_bit`, two's complement where signed."""
    occurs = np.zeros(2**matrix.bits_allocated, dtype=np.bool_)
    occurs[words.ravel()] = True
    is_padding = _padding_words(header, matrix, occurs.size)
    used = np.flatnonzero(occurs & ~is_padding)
    bits, shift, notes = _bit_layout(used, matrix, has_overlay=_has_hidden_overlay(header))
    value = (np.arange(occurs.size, dtype=np.int32) >> shift) & (2**bits - 1)
    lowest = 0
    if matrix.is_signed:
        lowest = -(2 ** (bits - 1))
        value = np.where(value >= 2 ** (bits - 1), value - 2**bits, value).astype(np.int32)
    has_padding = bool((occurs & is_padding).any())
    return StoredValues(
        value=value,
        is_padding=is_padding,
        used=used,
        has_padding=has_padding,
        bits=bits,
        lowest=lowest,
        highest=lowest + 2**bits - 1,
        notes=(*notes, "Padding around the image was made background.") if has_padding else notes,
    )


def _padding_words(header: Dataset, matrix: PixelMatrix, count: int) -> Flags:
    """PS3.3 C.7.5.1.1.2: one value, or all between it and the range limit."""
    flags = np.zeros(count, dtype=np.bool_)
    value = integer(header, "PixelPaddingValue")
    if value is None:
        return flags
    limit = integer(header, "PixelPaddingRangeLimit")
    first = _as_written(value, matrix)
    last = first if limit is None else _as_written(limit, matrix)
    words = np.arange(count, dtype=np.int32)
    if matrix.is_signed:
        words = np.where(words >= count // 2, words - count, words)
    return np.asarray((words >= min(first, last)) & (words <= max(first, last)), dtype=np.bool_)


def _as_written(value: int, matrix: PixelMatrix) -> int:
    """The value as a whole word of the matrix's sign; writers mix up US and SS."""
    word = value % int(2**matrix.bits_allocated)
    if matrix.is_signed and word >= 2 ** (matrix.bits_allocated - 1):
        word -= 2**matrix.bits_allocated
    return word


def _bit_layout(
    used: NDArray[np.intp], matrix: PixelMatrix, *, has_overlay: bool
) -> tuple[int, int, tuple[str, ...]]:
    """The number of bits, how far they are shifted up, and what the header got wrong."""
    bits, shift = matrix.bits_stored, matrix.high_bit + 1 - matrix.bits_stored
    below = bool((used & (2**shift - 1)).any())
    above = _bits_above(used, matrix)
    if has_overlay:
        return bits, shift, (_HIDDEN_BITS,) if below or above else ()
    if shift and below and int(used.max()) < 2**bits:
        note = f"The header puts the highest bit at {matrix.high_bit}; the pixels do not, and won."
        return bits, 0, (note,)
    if shift:
        return bits, shift, (f"Stored values lie {shift} bits up in their words.",)
    if above:
        real = matrix.bits_allocated if matrix.is_signed else int(used.max()).bit_length()
        return real, 0, (f"The header says {bits} bits are stored; the pixels have {real}.",)
    return bits, 0, ()


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
