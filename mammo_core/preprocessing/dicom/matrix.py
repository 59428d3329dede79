"""The pixel matrix as the header describes it (PS3.3 C.7.6.3), and the stored values that the words
of a file hold: which bits count, and what sign they have.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.header import (
    OVERLAY_BIT_POSITION,
    OVERLAY_DATA,
    code,
    integer,
    is_present,
    missing,
    needed_integer,
    overlays,
    raw,
    text,
)
from mammo_core.preprocessing.reading import limits

Words = NDArray[np.uint8] | NDArray[np.uint16]  # pixels as they lie in the file, bit by bit

MONOCHROME: Final = ("MONOCHROME1", "MONOCHROME2")
COLOURS: Final = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
PALETTE: Final = "PALETTE COLOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelMatrix:
    rows: int
    columns: int
    samples: int
    is_planar: bool
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * self.samples * (self.bits_allocated // 8)


def read_matrix(header: Dataset) -> PixelMatrix:
    """The description of the pixels; what is missing or impossible is refused by name."""
    photometric = text(header, "PhotometricInterpretation").upper()
    if not photometric:
        raise missing("PhotometricInterpretation")
    bits_stored = needed_integer(header, "BitsStored")
    high_bit = integer(header, "HighBit")
    samples = integer(header, "SamplesPerPixel")
    matrix = PixelMatrix(
        rows=needed_integer(header, "Rows"),
        columns=needed_integer(header, "Columns"),
        samples=1 if samples is None and photometric in MONOCHROME else samples or 0,
        is_planar=integer(header, "PlanarConfiguration") == 1,
        photometric=photometric,
        bits_allocated=needed_integer(header, "BitsAllocated"),
        bits_stored=bits_stored,
        high_bit=bits_stored - 1 if high_bit is None else high_bit,
        is_signed=needed_integer(header, "PixelRepresentation") == 1,
    )
    _check_size(matrix)
    _check_bits(matrix)
    _check_channels(matrix)
    return matrix


def _check_size(matrix: PixelMatrix) -> None:
    rows, columns = matrix.rows, matrix.columns
    if not (1 <= rows <= limits.SIDE and 1 <= columns <= limits.SIDE):
        raise ReadError(
            "impossible_size",
            f"This DICOM says it has {rows} rows and {columns} columns; "
            f"1 to {limits.SIDE} of each are possible here.",
            "The header is broken. Export the image again.",
        )
    if rows * columns > limits.PIXELS:
        raise ReadError(
            "too_large",
            f"This image of {rows} x {columns} has more than {limits.PIXELS // 10**6} million "
            "pixels.",
            "Export it at its detector's own resolution.",
        )


def _check_bits(matrix: PixelMatrix) -> None:
    allocated, stored, high = matrix.bits_allocated, matrix.bits_stored, matrix.high_bit
    if allocated not in (8, 16):
        raise ReadError(
            "unsupported_bits",
            f"This DICOM has {allocated} bits allocated per pixel; 8 and 16 are read here.",
            "Export it with 16 bits allocated.",
        )
    if not (1 <= stored <= allocated and stored - 1 <= high < allocated):
        raise ReadError(
            "impossible_bits",
            f"This DICOM says that {stored} bits are stored up to bit {high}, "
            f"in {allocated} bits allocated. That cannot be.",
            "The header is broken. Export the image again.",
        )


def _check_channels(matrix: PixelMatrix) -> None:
    expected = 3 if matrix.photometric in COLOURS else 1
    if matrix.photometric not in (*MONOCHROME, *COLOURS, PALETTE):
        raise ReadError(
            "unsupported_photometric",
            f"This DICOM's photometric interpretation is {code(matrix.photometric)!r}, "
            "which is not read here.",
            "Export it as MONOCHROME2.",
        )
    if matrix.samples != expected:
        raise ReadError(
            "impossible_channels",
            f"This DICOM says it is {matrix.photometric} with {matrix.samples} samples per pixel; "
            f"{expected} would be right.",
            "The header is broken. Export the image again.",
        )
    if expected == 3 and matrix.bits_allocated != 8:
        raise ReadError(
            "unsupported_bits",
            f"This DICOM is {matrix.photometric} with {matrix.bits_allocated} bits per sample; "
            "colour is read with 8 only.",
            "Export it as MONOCHROME2.",
        )


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
