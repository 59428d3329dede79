"""Made-up DICOM files for tests: plain ones through pydicom, and broken ones byte by byte."""

import io
import struct
import warnings
from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.native import _encode_segment
from pydicom.tag import Tag

from mammo_core.preprocessing.reading.read import decode
from mammo_core.types import Mammogram

KEY = b"k" * 32
MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4."
JPEG_2000 = JPEG + "90"
UNDEFINED = 0xFFFFFFFF

Pixels = NDArray[Any]


def read(content: bytes) -> Mammogram:
    """Read in this process, with a key made for tests."""
    return decode(content, key=KEY)


def ramp(rows: int = 8, columns: int = 16, *, step: int = 1) -> NDArray[np.uint16]:
    """0, 1, 2, ... from left to right and on in the next row."""
    return (np.arange(rows * columns, dtype=np.uint16) * step).reshape(rows, columns)


def header_of(pixels: Pixels, *, bits_stored: int = 12, is_signed: bool = False) -> Dataset:
    """A mammogram for presentation, with a window over all its values."""
    dataset = Dataset()
    dataset.SOPClassUID = MAMMOGRAM
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.Modality = "MG"
    dataset.PatientID = "W-0001"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 8 if pixels.dtype.itemsize == 1 else 16
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = int(is_signed)
    lowest = -(2 ** (bits_stored - 1)) if is_signed else 0
    dataset.WindowCenter = lowest + 2 ** (bits_stored - 1)
    dataset.WindowWidth = 2**bits_stored
    return dataset


def mammogram_file(pixels: Pixels, *, bits_stored: int = 12, **changes: Any) -> bytes:
    """A plain file of these pixels, explicit little endian, with some attributes changed.

    None takes an attribute away; bytes are written as they are, however wrong.
    """
    header = header_of(pixels, bits_stored=bits_stored)
    change(header, **changes)
    if "PixelData" not in changes:
        header.PixelData = pixels.tobytes()
        header["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    return file_of(header)


def change(header: Dataset, **changes: Any) -> None:
    for keyword, value in changes.items():
        if value is None:
            if keyword in header:
                del header[keyword]
        elif isinstance(value, bytes) and keyword != "PixelData":
            set_raw(header, keyword, value)
        else:
            setattr(header, keyword, value)


def set_raw(header: Dataset, keyword: str, value: bytes, *, vr: str = "DS") -> None:
    tag = Tag(tag_for_keyword(keyword))  # type: ignore[arg-type]
    value += b" " * (len(value) % 2)
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


def file_of(header: Dataset, syntax: str = EXPLICIT) -> bytes:
    """Header and pixels as a file with preamble and meta header."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = header.get("SOPClassUID", MAMMOGRAM)
    meta.MediaStorageSOPInstanceUID = header.get("SOPInstanceUID", "1.2.3.4")
    meta.TransferSyntaxUID = syntax
    header.file_meta = meta
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of values that are wrong on purpose
        header.save_as(
            stream,
            enforce_file_format=True,
            implicit_vr=syntax == IMPLICIT,
            little_endian=syntax != BIG_ENDIAN,
        )
    return stream.getvalue()


def encoded_file(
    values: Pixels,
    syntax: str,
    *,
    bits_stored: int,
    is_signed: bool = False,
    photometric: str = "MONOCHROME2",
) -> bytes:
    """`values` in any of the transfer syntaxes that are read."""
    allocated: type = np.uint8 if bits_stored <= 8 else np.uint16
    words = (values.astype(np.int32) & (2**bits_stored - 1)).astype(allocated)
    header = header_of(words, bits_stored=bits_stored, is_signed=is_signed)
    header.PhotometricInterpretation = photometric
    if syntax in (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED):
        order = ">" if syntax == BIG_ENDIAN and allocated is np.uint16 else "<"
        header.PixelData = words.astype(words.dtype.newbyteorder(order)).tobytes()
        header["PixelData"].VR = "OW" if allocated is np.uint16 else "OB"
        if syntax == BIG_ENDIAN and len(header.PixelData) % 2:
            header.PixelData += b"\0"
    else:
        frame = compressed(
            values.astype(np.int16) if is_signed else words, syntax, bits=bits_stored
        )
        header.PixelData = encapsulate([frame])
        header["PixelData"].VR = "OB"
        header["PixelData"].is_undefined_length = True
    return file_of(header, syntax)


def compressed(values: Pixels, syntax: str, *, bits: int) -> bytes:
    """One frame. Signed values go as such into JPEG 2000, elsewhere as two's complement."""
    if syntax in (JPEG + "90", JPEG + "91"):
        signed = values.dtype.kind == "i"
        narrow = values.astype(np.int8 if signed else np.uint8) if bits <= 8 else values
        ratios = [12.0] if syntax.endswith("91") else None
        return encode_array(narrow, bits_stored=bits, compression_ratios=ratios)
    allocated: type = np.uint8 if bits <= 8 else np.uint16
    words = (values.astype(np.int32) & (2**bits - 1)).astype(allocated)
    if syntax == RLE:
        return rle_frame(words)
    if syntax in (JPEG + "50", JPEG + "51"):
        return bytes(imagecodecs.jpeg8_encode(words, level=100, bitspersample=bits))
    if syntax in (JPEG + "57", JPEG + "70"):
        predictor = 1 if syntax.endswith("70") else 4
        return bytes(
            imagecodecs.jpeg8_encode(words, lossless=True, predictor=predictor, bitspersample=bits)
        )
    if syntax in (JPEG + "80", JPEG + "81"):
        return bytes(imagecodecs.jpegls_encode(words, level=2 if syntax.endswith("81") else 0))
    is_lossless = not syntax.endswith("203")
    return bytes(imagecodecs.htj2k_encode(words, reversible=is_lossless, level=None))


def rle_frame(words: Pixels) -> bytes:
    """PS3.5 G.4 by hand: a segment for each byte, the most significant first."""
    rows, columns = words.shape[:2]
    samples = words.reshape(rows, columns, -1)
    planes = [
        ((samples[..., sample] >> (8 * byte)) & 0xFF).astype(np.uint8).tobytes()
        for sample in range(samples.shape[-1])
        for byte in reversed(range(words.dtype.itemsize))
    ]
    segments = [bytes(_encode_segment(plane, columns)) for plane in planes]
    offsets = [64 + sum(map(len, segments[:place])) for place in range(len(segments))]
    head = struct.pack(f"<{1 + len(segments)}I", len(segments), *offsets)
    return head.ljust(64, b"\0") + b"".join(segments)


def compressed_file(header: Dataset, value: bytes, syntax: str) -> bytes:
    """A file whose pixel data is this sequence of items, made by `items`, however wrong."""
    return file_of(header, syntax) + element(0x7FE00010, "OB", value, length=UNDEFINED)


def items(table: bytes, fragments: Sequence[bytes], *, has_end: bool = True) -> bytes:
    """Encapsulated pixel data by hand: the offset table, then the fragments."""
    parts = [struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in (table, *fragments)]
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) if has_end else b""
    return b"".join(parts) + end


def element(tag: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
    """One element in explicit little endian, its length wrong on purpose where given."""
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("OB", "OW", "SQ", "UN", "UT"):
        return head + struct.pack("<HI", 0, length) + value
    return head + struct.pack("<H", length) + value


def with_elements(content: bytes, elements: bytes, *, before: int = 0x00280002) -> bytes:
    """`content`, an explicit little endian file, with raw elements put in before a tag."""
    mark = struct.pack("<HH", before >> 16, before & 0xFFFF)
    place = content.index(mark, 132)
    return content[:place] + elements + content[place:]
