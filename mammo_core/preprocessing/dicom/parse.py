"""From bytes to a header and the raw pixel element, without decoding a pixel.

The parser of pydicom reads the data set; the file's own frame around it is read here: the meta
header, the inflating of a deflated data set with a limit, and the pixel element.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from mammo_core.errors import ReadError
from mammo_core.preprocessing import limits
from mammo_core.preprocessing.dicom.header import tags_to_read
from mammo_core.preprocessing.dicom.recognise import PREAMBLE, PREFIX, is_vr
from mammo_core.preprocessing.dicom.syntaxes import Family, TransferSyntax, find_syntax, implied

UNDEFINED: Final = 0xFFFFFFFF

_TRANSFER_SYNTAX: Final = 0x00020010
_PIXEL_TAGS: Final = (0x7FE00008, 0x7FE00009, 0x7FE00010)  # float, double float, integer
_PIXEL_DATA: Final = 0x7FE00010
_LONG_LENGTH: Final = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelElement:
    """The value of Pixel Data. `length` is as written; `value` may be shorter in a cut file."""

    vr: str
    length: int
    value: memoryview

    @property
    def is_encapsulated(self) -> bool:
        return self.length == UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DicomFile:
    header: Dataset
    syntax: TransferSyntax
    pixels: PixelElement | None
    notes: tuple[str, ...] = ()


def parse(data: bytes, *, tags: Sequence[int] | None = None) -> DicomFile:
    """The header's allowed attributes, or those in `tags`, and the undecoded pixels."""
    has_prefix = data[PREAMBLE : PREAMBLE + 4] == PREFIX
    start, uid = _read_meta(data, PREAMBLE + 4 if has_prefix else 0)
    notes = (
        () if has_prefix and uid else ("The file has no meta header; its encoding was inferred.",)
    )
    syntax = find_syntax(uid) if uid else implied(data[start : start + 6])
    if syntax.family is Family.DEFLATED:
        data, start = _inflate(data, start), 0
    stream = io.BytesIO(data)
    stream.seek(start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pydicom warns of is told in our own notes or refused
        header = read_dataset(
            stream,
            syntax.is_implicit,
            syntax.is_little_endian,
            stop_when=lambda tag, _vr, _length: tag in _PIXEL_TAGS,
            specific_tags=list(tags_to_read() if tags is None else tags),
        )
    pixels = _pixel_element(data, stream.tell(), is_little_endian=syntax.is_little_endian)
    return DicomFile(header=header, syntax=syntax, pixels=pixels, notes=notes)


def _read_meta(data: bytes, position: int) -> tuple[int, str]:
    """Where the data set begins, and the transfer syntax; empty where the file does not say.

    PS3.10 7.1: the meta header is always explicit, little endian, and of group 0002.
    """
    uid = ""
    while data[position : position + 2] == b"\x02\0" and position + 12 <= len(data):
        group, element, vr, short = struct.unpack_from("<HH2sH", data, position)
        position += 8
        length = short
        if vr in _LONG_LENGTH:
            length = struct.unpack_from("<I", data, position)[0]
            position += 4
        if (group << 16) + element == _TRANSFER_SYNTAX:
            uid = data[position : position + length].decode("latin-1").strip(" \0")
        position += length
    return position, uid


def _inflate(data: bytes, start: int) -> bytes:
    """PS3.5 A.5: what follows the meta header is one deflated stream."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(memoryview(data)[start:], limits.INFLATED_BYTES)
    except zlib.error:
        raise ReadError(
            "damaged", "This DICOM is deflated, and its stream is broken.", "Export it again."
        ) from None
    if inflater.unconsumed_tail:
        raise ReadError(
            "too_large",
            f"This DICOM is deflated and would inflate to more than "
            f"{limits.INFLATED_BYTES // limits.MEGABYTE} MB.",
            "No mammogram needs that; the file is broken or hostile.",
        )
    if not inflater.eof:
        raise ReadError(
            "truncated", "This DICOM is deflated, and its stream ends early.", "Copy it again."
        )
    return inflated


def _pixel_element(data: bytes, position: int, *, is_little_endian: bool) -> PixelElement | None:
    order = "<" if is_little_endian else ">"
    if position + 8 > len(data):
        return None
    group, element = struct.unpack_from(order + "HH", data, position)
    if (group << 16) + element != _PIXEL_DATA:
        return None
    vr = data[position + 4 : position + 6]
    if vr in _LONG_LENGTH and position + 12 <= len(data):
        length = struct.unpack_from(order + "I", data, position + 8)[0]
        start = position + 12
    elif is_vr(vr):
        length = struct.unpack_from(order + "H", data, position + 6)[0]
        start = position + 8
    else:
        vr = b"OW"  # PS3.5 A.1: implicit encoding has words
        length = struct.unpack_from(order + "I", data, position + 4)[0]
        start = position + 8
    end = len(data) if length == UNDEFINED else start + length
    return PixelElement(vr=vr.decode("latin-1"), length=length, value=memoryview(data)[start:end])
