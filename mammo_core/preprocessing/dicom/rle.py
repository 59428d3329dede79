"""DICOM's run-length encoding (PS3.5 Annex G): each byte of a sample in a segment of its own."""

import struct
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.matrix import PixelMatrix, Words

_HEADER_BYTES: Final = 64


def decode_rle(frame: bytes, matrix: PixelMatrix) -> Words:
    """The segments, most significant byte first, put together; each must hold every pixel."""
    shape = (matrix.rows, matrix.columns)
    planes = [_unpacked(part, matrix.rows * matrix.columns) for part in _segments(frame, matrix)]
    if matrix.bits_allocated == 16:
        high, low = (plane.astype(np.uint16) for plane in planes)
        return np.asarray((high << 8) | low).reshape(shape)
    if matrix.samples == 1:
        return planes[0].reshape(shape)
    return np.stack([plane.reshape(shape) for plane in planes], axis=-1)


def _segments(frame: bytes, matrix: PixelMatrix) -> list[bytes]:
    count = matrix.samples * matrix.bits_allocated // 8
    if len(frame) < _HEADER_BYTES or struct.unpack_from("<I", frame)[0] != count:
        raise _damaged()
    offsets = [*struct.unpack_from(f"<{count}I", frame, 4), len(frame)]
    if offsets[0] != _HEADER_BYTES or any(start >= end for start, end in pairwise(offsets)):
        raise _damaged()
    return [frame[start:end] for start, end in pairwise(offsets)]


def _unpacked(segment: bytes, size: int) -> NDArray[np.uint8]:
    import imagecodecs

    try:
        values = np.frombuffer(imagecodecs.packbits_decode(segment), dtype=np.uint8)
    except RuntimeError as error:
        raise _damaged() from error
    if values.size < size:
        raise ReadError(
            "truncated",
            f"This DICOM's RLE image ends early: {values.size:,} of {size:,} pixels are there.",
            "The copy was interrupted; copy it again.",
        )
    if values.size > size + 1:  # a pad byte may decode to one value more
        raise _damaged()
    return values[:size]


def _damaged() -> ReadError:
    return ReadError(
        "damaged",
        "This DICOM's RLE image is broken and cannot be decoded.",
        "Export it again from where it came.",
    )
