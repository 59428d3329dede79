"""From bytes to a header and the raw pixel element, without decoding a pixel; and the transfer
syntaxes (PS3.5 Annex A) in which a file may be encoded.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.header import tags_to_read
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.read import PREAMBLE, PREFIX, is_vr


class Family(StrEnum):
    NATIVE = "native"
    DEFLATED = "deflated"
    RLE = "RLE"
    JPEG = "JPEG"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    HTJ2K = "HTJ2K"

    @property
    def is_compressed(self) -> bool:
        return self not in (Family.NATIVE, Family.DEFLATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSyntax:
    uid: str
    name: str
    family: Family
    is_lossy: bool = False
    is_implicit: bool = False
    is_little_endian: bool = True


SYNTAXES: Final = (
    TransferSyntax(
        uid="1.2.840.10008.1.2",
        name="implicit little endian",
        family=Family.NATIVE,
        is_implicit=True,
    ),
    TransferSyntax(uid="1.2.840.10008.1.2.1", name="explicit little endian", family=Family.NATIVE),
    TransferSyntax(
        uid="1.2.840.10008.1.2.2",
        name="explicit big endian",
        family=Family.NATIVE,
        is_little_endian=False,
    ),
    TransferSyntax(uid="1.2.840.10008.1.2.1.99", name="deflated", family=Family.DEFLATED),
    TransferSyntax(uid="1.2.840.10008.1.2.5", name="RLE", family=Family.RLE),
    TransferSyntax(
        uid="1.2.840.10008.1.2.4.50", name="JPEG baseline", family=Family.JPEG, is_lossy=True
    ),
    TransferSyntax(
        uid="1.2.840.10008.1.2.4.51", name="JPEG extended", family=Family.JPEG, is_lossy=True
    ),
    TransferSyntax(uid="1.2.840.10008.1.2.4.57", name="JPEG lossless", family=Family.JPEG),
    TransferSyntax(
        uid="1.2.840.10008.1.2.4.70",
        name="JPEG lossless, first-order prediction",
        family=Family.JPEG,
    ),
    TransferSyntax(uid="1.2.840.10008.1.2.4.80", name="JPEG-LS lossless", family=Family.JPEG_LS),
    TransferSyntax(
        uid="1.2.840.10008.1.2.4.81",
        name="JPEG-LS near-lossless",
        family=Family.JPEG_LS,
        is_lossy=True,
    ),
    TransferSyntax(
        uid="1.2.840.10008.1.2.4.90", name="JPEG 2000 lossless", family=Family.JPEG_2000
    ),
    TransferSyntax(
        uid="1.2.840.10008.1.2.4.91", name="JPEG 2000", family=Family.JPEG_2000, is_lossy=True
    ),
    TransferSyntax(uid="1.2.840.10008.1.2.4.201", name="HTJ2K lossless", family=Family.HTJ2K),
    TransferSyntax(uid="1.2.840.10008.1.2.4.202", name="HTJ2K lossless, RPCL", family=Family.HTJ2K),
    TransferSyntax(uid="1.2.840.10008.1.2.4.203", name="HTJ2K", family=Family.HTJ2K, is_lossy=True),
)

_BY_UID: Final = {syntax.uid: syntax for syntax in SYNTAXES}

#: Names that the library's dictionary does not know yet.
_NEWER_NAMES: Final = {
    "1.2.840.10008.1.2.4.110": "JPEG XL lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL recompressed JPEG",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}


def find_syntax(uid: str) -> TransferSyntax:
    """The transfer syntax of this UID, or its name in a refusal."""
    if uid in _BY_UID:
        return _BY_UID[uid]
    is_uid = uid.replace(".", "").isdigit() and len(uid) <= 64
    name = _NEWER_NAMES.get(uid) or (UID(uid).name if is_uid else "something that is no valid UID")
    named = f"{name} ({uid})" if is_uid and name != uid else name
    raise ReadError(
        "unsupported_syntax",
        f"This DICOM is encoded as {named}, which is not read here.",
        "Export it uncompressed (explicit little endian) or as JPEG 2000 lossless.",
    )


def implied(first_bytes: bytes) -> TransferSyntax:
    """The encoding of a file that does not say: read off its first element."""
    is_little_endian = first_bytes[:2] != b"\0\x08"
    is_explicit = first_bytes[4:6].isalpha() and first_bytes[4:6].isupper()
    if not is_little_endian:
        return _BY_UID["1.2.840.10008.1.2.2"]
    return _BY_UID["1.2.840.10008.1.2.1" if is_explicit else "1.2.840.10008.1.2"]


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
        warnings.simplefilter("ignore")  # what pydicom warns of we note or refuse
        header = read_dataset(
            stream,
            syntax.is_implicit,
            syntax.is_little_endian,
            stop_when=_at_pixels(),
            specific_tags=list(tags_to_read() if tags is None else tags),
        )
    pixels = _pixel_element(data, stream.tell(), is_little_endian=syntax.is_little_endian)
    return DicomFile(header=header, syntax=syntax, pixels=pixels, notes=notes)


def _at_pixels() -> Callable[[int, str | None, int], bool]:
    """Where to stop reading, asked before every element; too many of them are refused."""
    count = 0

    def is_there(tag: int, _vr: str | None, _length: int) -> bool:
        nonlocal count
        count += 1
        if count > limits.ELEMENTS:
            raise ReadError(
                "too_large",
                f"This DICOM's header has more than {limits.ELEMENTS:,} elements.",
                "No mammogram needs that; the file is broken or hostile.",
            )
        return tag in _PIXEL_TAGS

    return is_there


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
    """PS3.5 A.5: what follows the meta header is one deflated stream. Its length is counted before
    any of it is held: zlib would take twice the limit on the way to it.
    """
    stream = memoryview(data)[start:]
    try:
        size, is_whole = _inflated_size(stream)
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream) if is_whole else b""
    except zlib.error:
        raise ReadError(
            "damaged", "This DICOM is deflated, and its stream is broken.", "Export it again."
        ) from None
    if size > limits.INFLATED_BYTES:
        raise ReadError(
            "too_large",
            f"This DICOM is deflated and would inflate to more than "
            f"{limits.INFLATED_BYTES // limits.MEGABYTE} MB.",
            "No mammogram needs that; the file is broken or hostile.",
        )
    if not is_whole:
        raise ReadError(
            "truncated", "This DICOM is deflated, and its stream ends early.", "Copy it again."
        )
    return inflated


_PIECE: Final = 2**16  # of a deflated stream; with more, what is left over is copied too often


def _inflated_size(stream: memoryview) -> tuple[int, bool]:
    """How many bytes it becomes, counted to the limit and no further, and whether it ends there."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    for place in range(0, len(stream), _PIECE):
        piece: memoryview | bytes = stream[place : place + _PIECE]
        while piece and not inflater.eof:
            size += len(inflater.decompress(piece, limits.MEGABYTE))
            if size > limits.INFLATED_BYTES:
                return size, False
            piece = inflater.unconsumed_tail
    return size, inflater.eof


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
