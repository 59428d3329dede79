"""The one frame of a file: cut out of its items, counted, measured against the header, and decoded
by the one decoder of its transfer syntax; a chain of fallbacks would accept anything.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.codestreams import check_agreement, read_codestream
from mammo_core.preprocessing.dicom.header import raw
from mammo_core.preprocessing.dicom.matrix import PixelMatrix, Words
from mammo_core.preprocessing.dicom.parse import (
    UNDEFINED,
    DicomFile,
    Family,
    PixelElement,
    TransferSyntax,
)
from mammo_core.preprocessing.whole import missing_in_jpeg, missing_in_jpeg_2000

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
        raise _damaged_rle()
    offsets = [*struct.unpack_from(f"<{count}I", frame, 4), len(frame)]
    if offsets[0] != _HEADER_BYTES or any(start >= end for start, end in pairwise(offsets)):
        raise _damaged_rle()
    return [frame[start:end] for start, end in pairwise(offsets)]


def _unpacked(segment: bytes, size: int) -> NDArray[np.uint8]:
    """By imagecodecs: pydicom decodes in a Python loop, 30 times slower, and takes broken data."""
    import imagecodecs

    try:
        values = np.frombuffer(imagecodecs.packbits_decode(segment), dtype=np.uint8)
    except RuntimeError as error:
        raise _damaged_rle() from error
    if values.size < size:
        raise ReadError(
            "truncated",
            f"This DICOM's RLE image ends early: {values.size:,} of {size:,} pixels are there.",
            "The copy was interrupted; copy it again.",
        )
    if values.size > size + 1:  # a pad byte may decode to one value more
        raise _damaged_rle()
    return values[:size]


def _damaged_rle() -> ReadError:
    return ReadError(
        "damaged",
        "This DICOM's RLE image is broken and cannot be decoded.",
        "Export it again from where it came.",
    )


JPEG_2000_THREADS: Final = 2  # 470 instead of 894 ms for 3328 x 4096; more gain little


def decode_frame(frame: bytes, syntax: TransferSyntax, matrix: PixelMatrix) -> Words:
    """One compressed frame, checked, decoded, and checked again."""
    if syntax.family is Family.RLE:
        return decode_rle(frame, matrix)
    kind = Family.JPEG_2000 if syntax.family is Family.HTJ2K else syntax.family
    check_agreement(read_codestream(frame), matrix, kind)
    missing = _missing_in(frame, syntax.family)
    if missing:
        raise ReadError(
            "incomplete",
            f"This DICOM's compressed image ({syntax.name}) is not whole: {missing}.",
            "A decoder would fill in what is missing. Copy the file again.",
        )
    try:
        pixels = _decode(frame, syntax.family)
    except RuntimeError as error:  # what each of the codecs raises
        raise _damaged(syntax.name) from error
    expected: tuple[int, ...] = (matrix.rows, matrix.columns)
    if matrix.samples > 1:
        expected = (*expected, matrix.samples)
    if pixels.shape != expected or pixels.dtype.itemsize * 8 > matrix.bits_allocated:
        raise _damaged(syntax.name)
    return _as_words(pixels, matrix)


def _missing_in(frame: bytes, family: Family) -> str:
    """What is missing of a frame that a decoder may take all the same; JPEG-LS takes none such."""
    if family is Family.JPEG:
        return missing_in_jpeg(frame)
    if family in (Family.JPEG_2000, Family.HTJ2K):
        return missing_in_jpeg_2000(frame)
    return ""


def _as_words(pixels: NDArray[Any], matrix: PixelMatrix) -> Words:
    unsigned = pixels.view(np.uint8 if pixels.dtype.itemsize == 1 else np.uint16)
    if matrix.bits_allocated == 8:
        return unsigned.astype(np.uint8, copy=False)
    return unsigned.astype(np.uint16, copy=False)


def _decode(frame: bytes, family: Family) -> Any:
    import imagecodecs
    from openjpeg.utils import decode as decode_htj2k

    if family is Family.JPEG:
        return imagecodecs.jpeg8_decode(frame)
    if family is Family.JPEG_LS:
        return imagecodecs.jpegls_decode(frame)
    if family is Family.JPEG_2000:
        return imagecodecs.jpeg2k_decode(frame, numthreads=JPEG_2000_THREADS)
    return decode_htj2k(frame)


def _damaged(name: str) -> ReadError:
    return ReadError(
        "damaged",
        f"This DICOM's compressed image ({name}) is broken and cannot be decoded.",
        "Export it again from where it came.",
    )


_ITEM: Final = 0xFFFEE000
_SEQUENCE_END: Final = 0xFFFEE0DD
_CODESTREAM_STARTS: Final = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")  # JPEG and JPEG-LS; JPEG 2000


def read_frame(file: DicomFile, pixels: PixelElement, matrix: PixelMatrix) -> Words:
    """The words of the file's only frame: (rows, columns) or (rows, columns, samples)."""
    if pixels.is_encapsulated != file.syntax.family.is_compressed:
        said = "compressed" if file.syntax.family.is_compressed else "uncompressed"
        raise ReadError(
            "encoding_disagrees",
            f"This DICOM says its pixels are {said} ({file.syntax.name}), but they are not.",
            "Export it again from where it came.",
        )
    if pixels.is_encapsulated:
        frame = _encapsulated_frame(pixels.value, file.header, file.syntax.family)
        return decode_frame(frame, file.syntax, matrix)
    return _native_frame(pixels, matrix, is_little_endian=file.syntax.is_little_endian)


def truncated(found: int, expected: int) -> ReadError:
    return ReadError(
        "truncated",
        f"This DICOM ends early: {found:,} of {expected:,} bytes of pixels are there.",
        "The copy was interrupted; copy it again.",
    )


def too_many_frames(count: str) -> ReadError:
    return ReadError(
        "multi_frame",
        f"This DICOM holds {count} frames where its header promises one.",
        "Export each image as a file of its own.",
    )


def _native_frame(pixels: PixelElement, matrix: PixelMatrix, *, is_little_endian: bool) -> Words:
    found, expected = len(pixels.value), matrix.frame_bytes
    if found < expected:
        raise truncated(found, expected)
    if pixels.length >= 2 * expected:
        raise too_many_frames(f"{pixels.length // expected}")
    if pixels.length > expected + expected % 2:  # PS3.5 8.1: padded to an even length
        raise ReadError(
            "size_disagrees",
            f"This DICOM has {pixels.length:,} bytes of pixels; its header promises {expected:,}.",
            "The header is broken. Export the image again.",
        )
    order = "<" if is_little_endian else ">"
    if matrix.bits_allocated == 16:
        words = np.frombuffer(pixels.value[:expected], dtype=order + "u2").astype(np.uint16)
    else:
        words = np.frombuffer(pixels.value, dtype=np.uint8)
        if not is_little_endian and pixels.vr == "OW":  # bytes lie in swapped pairs
            words = words[: words.size // 2 * 2].view("<u2").byteswap().view(np.uint8)
        words = words[:expected]
    return _shaped(words, matrix)


def _shaped(words: Words, matrix: PixelMatrix) -> Words:
    rows, columns, samples = matrix.rows, matrix.columns, matrix.samples
    if matrix.photometric == "YBR_FULL_422":
        raise ReadError(
            "unsupported_photometric",
            "This DICOM is uncompressed YBR_FULL_422, which is not read here.",
            "Export it as MONOCHROME2.",
        )
    if samples == 1:
        return words.reshape(rows, columns)
    if matrix.is_planar:
        return np.moveaxis(words.reshape(samples, rows, columns), 0, -1)
    return words.reshape(rows, columns, samples)


def _encapsulated_frame(value: memoryview, header: Dataset, family: Family) -> bytes:
    """All fragments joined (PS3.5 A.4); more than one frame is refused."""
    offsets, *fragments = list(_items(value)) or [memoryview(b"")]
    frames = max(len(offsets) // 4, len(raw(header, "ExtendedOffsetTable")) // 8)
    if frames > 1:
        raise too_many_frames(str(frames))
    fragments = [fragment for fragment in fragments if len(fragment)]
    if not fragments:
        raise ReadError(
            "no_pixels",
            "This DICOM's pixel data is empty: no fragment of an image is in it.",
            "Export it again from where it came.",
        )
    starts = sum(bytes(fragment[:4]).startswith(_CODESTREAM_STARTS) for fragment in fragments)
    if family is not Family.RLE and starts > 1:
        raise too_many_frames(str(starts))
    return b"".join(fragments)


def _items(value: memoryview) -> Iterator[memoryview]:
    position = 0
    while position + 8 <= len(value):
        group, element, length = struct.unpack_from("<HHI", value, position)
        tag = (group << 16) + element
        position += 8
        if tag == _SEQUENCE_END:
            return
        if tag != _ITEM or length == UNDEFINED:
            raise ReadError(
                "damaged",
                "This DICOM's pixel data is not laid out in items as it must be.",
                "Export it again from where it came.",
            )
        if position + length > len(value):
            raise truncated(len(value) - position, length)
        yield value[position : position + length]
        position += length
