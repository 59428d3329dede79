"""The transfer syntaxes (PS3.5 Annex A): how a file is encoded, and which of them are read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydicom.uid import UID

from mammo_core.errors import ReadError


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
