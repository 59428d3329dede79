"""The pixel matrix as the header describes it (PS3.3 C.7.6.3), held to what can be true."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError
from mammo_core.preprocessing import limits
from mammo_core.preprocessing.dicom.header import integer, missing, needed_integer, quoted, text

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
            f"This DICOM's photometric interpretation is {quoted(matrix.photometric)!r}, "
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
