"""From a file to a mammogram. Content decides what a file is, never its name."""

import hashlib
import struct
from pathlib import Path
from typing import Final

from mammo_core.errors import MammoError, ReadError
from mammo_core.files import home
from mammo_core.preprocessing.pixel_files import KeptImage
from mammo_core.preprocessing.raster import decode_raster
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.identity import Evidence, installation_key, keyed_id
from mammo_core.preprocessing.reading.isolation import shared_pool
from mammo_core.types import Mammogram

PREAMBLE: Final = 128
PREFIX: Final = b"DICM"
EXAM_BYTES: Final = 2**18  # headers of mammograms are far shorter
_WHOSE: Final = (0x0020000D, 0x00100020)  # Study Instance UID, Patient ID


def is_dicom(data: bytes) -> bool:
    """By content: the prefix after the preamble, or a data set that begins without either."""
    return data[PREAMBLE : PREAMBLE + 4] == PREFIX or _is_bare(data)


def is_vr(code: bytes) -> bool:
    """Whether two bytes can be a value representation, as in explicit encoding."""
    return code.isalpha() and code.isupper()


def _is_bare(data: bytes) -> bool:
    """Whether the first element is one of group 0002 or 0008, as old exports begin."""
    if len(data) < 16 or data[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):
        return False
    order = ">" if data[:2] == b"\0\x08" else "<"
    element = struct.unpack(order + "H", data[2:4])[0]
    length = struct.unpack(order + "I", data[4:8])[0]
    return element <= 0x0070 and (is_vr(data[4:6]) or length <= 1024)


def read_mammogram(
    source: Path | bytes, *, image_id: str | None = None, inside: Path | None = None
) -> Mammogram:
    """Read one file in a limited process of its own, which a broken file may take down.

    `image_id` is the data set's own; without one it is made from the content. A file of a data set
    is read `inside` its folder: no link is followed out of it. Everything that is wrong with a file
    is a ReadError.
    """
    if isinstance(source, Path) and inside is not None:
        source = read_whole(source, inside=inside)
    return shared_pool().read(source, key=installation_key(home() / "key"), image_id=image_id)


def read_whole(file: Path, *, inside: Path) -> bytes:
    """All of a file of a data set. Of one that is too large the head alone is read, which may tell
    why, as a ReadError.
    """
    if _size_of(file) > limits.FILE_BYTES:
        limits.read_source(file, most=0, inside=inside)
        shared_pool().read(file, key=installation_key(home() / "key"), image_id=None)
    return limits.read_source(file, inside=inside)


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # opening it tells why


def keep_mammogram(content: bytes, stem: Path) -> KeptImage:
    """Read one file as `read_mammogram` does, and mask it; its pixels are written there, to files
    that begin with `stem`, and never come here.
    """
    return shared_pool().keep(content, stem, key=installation_key(home() / "key"))


def read_evidence(content: bytes) -> Evidence:
    """Whose image a DICOM is, for an export with identity; in a limited process, kept nowhere."""
    return shared_pool().read_evidence(content)


def read_exam(content: bytes) -> str:
    """What a DICOM calls its exam, or without that its patient, as a hash; "" for all else, where
    it does not say, and where it cannot be asked: reading it tells why.
    """
    try:
        return ask_exam(content)
    except ReadError:
        return ""


def ask_exam(content: bytes) -> str:
    """As `read_exam`, but what says nothing of the file, only of this moment, is a ReadError."""
    head = content[:EXAM_BYTES]
    if not is_dicom(head):
        return ""
    try:
        return shared_pool().read_exam(head)
    except ReadError as error:
        if error.code in limits.PASSING:
            raise
        return ""


def decode(source: Path | bytes, *, key: bytes, image_id: str | None = None) -> Mammogram:
    """Read one file in this very process: for jobs whose process may die of a broken file."""
    if isinstance(source, bytes):
        return decode_content(source, size=len(source), key=key, image_id=image_id)
    size = _size_of(source)
    most = limits.HEAD_BYTES if size > limits.FILE_BYTES else limits.FILE_BYTES
    data = limits.read_source(source, most=most)
    size = max(size, len(data))
    return decode_content(data, size=size, key=key, image_id=image_id)


def decode_content(data: bytes, *, size: int, key: bytes, image_id: str | None = None) -> Mammogram:
    """Read `data`, which is all of a file of `size` bytes unless that is too large."""
    try:
        return _decode(data, size=size, key=key, image_id=image_id)
    except MammoError:
        raise
    except MemoryError as error:
        raise ReadError(
            "too_large",
            "This file asks for more memory than reading may take.",
            "It is broken or hostile; export it again from where it came.",
        ) from error
    except Exception as error:
        raise ReadError(
            "damaged",
            f"This file is broken in a way no decoder foresaw ({type(error).__name__}).",
            "Export it again from where it came.",
        ) from error


def decode_evidence(data: bytes) -> Evidence:
    """`read_evidence` in this very process."""
    from mammo_core.preprocessing.dicom.identity import evidence_of  # not all machines have it

    return evidence_of(data)


def decode_exam(head: bytes) -> str:
    """`read_exam` in this very process."""
    from mammo_core.preprocessing.dicom.header import raw  # not all machines have it
    from mammo_core.preprocessing.dicom.parse import parse

    header = parse(head, tags=_WHOSE).header
    known = [raw(header, name).strip(b" \0") for name in ("StudyInstanceUID", "PatientID")]
    said = next(filter(None, known), b"")
    return hashlib.sha256(said).hexdigest() if said else ""


def _decode(data: bytes, *, size: int, key: bytes, image_id: str | None) -> Mammogram:
    if not data:
        raise ReadError("empty", "This file is empty.", "The copy was interrupted; copy it again.")
    if is_dicom(data):
        from mammo_core.preprocessing.dicom.reader import decode_dicom  # not all machines have it

        return decode_dicom(data, size=size, key=key, image_id=image_id)
    if size > len(data):
        raise limits.too_large(size)
    return decode_raster(data, image_id=image_id or keyed_id(key, "image", data))
