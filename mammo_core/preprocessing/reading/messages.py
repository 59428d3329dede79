"""What goes through the pipes between the program and its reading process.

A message is four bytes of length, that much JSON, and then the raw bytes the JSON promises.
Nothing is unpickled: a reading process that a hostile file took over can send pixels and words.
"""

import json
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.errors import DiskError, ReadError
from mammo_core.preprocessing.intensity import Levels
from mammo_core.preprocessing.pixel_files import KeptImage
from mammo_core.preprocessing.prepare import PreparedGrey
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.records import from_document, to_document
from mammo_core.types import Geometry, ImageInfo, Laterality, Mammogram, Size, View

T = TypeVar("T")
_LENGTH: Final = struct.Struct("<I")
_LONGEST: Final = limits.MEGABYTE
NO_ROOM: Final = "no_room"  # the code of a refusal that is the disk's fault and not the file's


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Read the file at `path`, or the `length` bytes that follow (of a file of `size` bytes)."""

    key: str  # of this installation, in hexadecimal digits
    image_id: str | None = None
    path: str | None = None
    length: int = 0
    size: int = 0
    settings: PrepareSettings | None = None  # where given, the image comes back prepared
    view: View | None = None  # what it is prepared as; without one, as the file says
    is_for_evidence: bool = False  # the identity is wanted, not the image
    is_for_exam: bool = False  # which exam the file is of, and no more
    peeked: tuple[str, ...] = ()  # what the headers at these paths say, and no pixel
    sheet: str | None = None  # that sheet of the workbook at `path`; "" is its first
    is_table: bool = False  # the cells of a CSV
    stem: str | None = None  # where given, the pixels go to files that begin so, and stay here


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A mammogram without its arrays, which follow: `pixels`, then `wide` and `stored`, where
    there are such.
    """

    height: int
    width: int
    has_wide: bool
    has_stored: bool
    info: ImageInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedGrey:
    """A prepared image without its grey levels, which follow."""

    geometry: Geometry
    is_deep: bool  # 16 bits a level, else 8
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """The stored size in pixels, and the side and view where the file names them."""

    size: Size
    side: Laterality | None = None
    view: View | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    code: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One of the nine; none means "ready"."""

    image: Described | None = None
    grey: DescribedGrey | None = None
    refused: Refused | None = None
    evidence: Evidence | None = None
    exam: str | None = None
    peeks: tuple[Peek | None, ...] | None = None
    rows_bytes: int | None = None  # of the rows of a sheet, which follow as JSON
    cells_bytes: tuple[int, ...] | None = None  # of the pieces of a CSV, which follow
    kept: KeptImage | None = None


def private_output() -> IO[bytes]:
    """A process's own end of its pipe, moved away from where native libraries print."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return replies


def send(stream: IO[bytes], message: Request | Reply) -> None:
    document = json.dumps(to_document(message)).encode()
    stream.write(_LENGTH.pack(len(document)) + document)
    stream.flush()


def receive(stream: IO[bytes], record: type[T]) -> T:
    """The next message; EOFError where the other side has gone."""
    length = _LENGTH.unpack(receive_bytes(stream, _LENGTH.size))[0]
    if length > _LONGEST:
        raise EOFError
    document: Any = json.loads(receive_bytes(stream, length))
    return from_document(document, record, where="a message")


def receive_bytes(stream: IO[bytes], length: int) -> bytes:
    content = bytearray(length)
    _fill(stream, memoryview(content))
    return bytes(content)


def send_image(stream: IO[bytes], mammogram: Mammogram) -> None:
    height, width = mammogram.size
    described = Described(
        height=height,
        width=width,
        has_wide=mammogram.wide is not None,
        has_stored=mammogram.stored is not None,
        info=mammogram.info,
    )
    send(stream, Reply(image=described))
    for array in (mammogram.pixels, mammogram.wide, mammogram.stored):
        if array is not None:
            stream.write(memoryview(np.ascontiguousarray(array)).cast("B"))
    stream.flush()


def send_grey(stream: IO[bytes], grey: PreparedGrey) -> None:
    is_deep = grey.levels.dtype == np.uint16
    described = DescribedGrey(geometry=grey.geometry, is_deep=is_deep, notes=grey.notes)
    send(stream, Reply(grey=described))
    stream.write(memoryview(np.ascontiguousarray(grey.levels)).cast("B"))
    stream.flush()


def _receive_reply(stream: IO[bytes]) -> Reply:
    reply = receive(stream, Reply)
    if reply.refused is not None:
        if reply.refused.code == NO_ROOM:
            raise DiskError(reply.refused.sentence)
        raise ReadError(reply.refused.code, reply.refused.sentence, reply.refused.hint)
    return reply


def receive_grey(stream: IO[bytes]) -> PreparedGrey:
    """The prepared image of a reply; a refusal is raised."""
    reply = _receive_reply(stream)
    if reply.grey is None:
        raise EOFError
    size = reply.grey.geometry.prepared_size
    if not 0 < size[0] * size[1] <= limits.PIXELS:
        raise EOFError
    levels: Levels = np.empty(size, np.uint16) if reply.grey.is_deep else np.empty(size, np.uint8)
    _fill(stream, memoryview(levels).cast("B"))
    return PreparedGrey(levels=levels, geometry=reply.grey.geometry, notes=reply.grey.notes)


def receive_kept(stream: IO[bytes]) -> KeptImage:
    """What is known of an image whose pixels were written; a refusal is raised."""
    kept = _receive_reply(stream).kept
    if kept is None or not 0 < kept.size[0] * kept.size[1] <= limits.PIXELS:
        raise EOFError
    return kept


def receive_evidence(stream: IO[bytes]) -> Evidence:
    """Whose image a file is; a refusal is raised."""
    reply = _receive_reply(stream)
    if reply.evidence is None:
        raise EOFError
    return reply.evidence


def receive_exam(stream: IO[bytes]) -> str:
    """Which exam a file is of, as a hash; "" where it does not say."""
    exam = _receive_reply(stream).exam
    if exam is None:
        raise EOFError
    return exam


def receive_peeks(stream: IO[bytes]) -> tuple[Peek | None, ...]:
    """What headers say; None for a file that is no image."""
    peeks = _receive_reply(stream).peeks
    if peeks is None:
        raise EOFError
    return peeks


def pack_rows(rows: Sequence[Sequence[str]]) -> bytes:
    document = json.dumps(rows).encode()
    if len(document) > limits.TABLE_BYTES:
        raise ReadError(
            "too_large",
            f"holds {len(document) // limits.MEGABYTE:,} MB of text; at most "
            f"{limits.TABLE_BYTES // limits.MEGABYTE} MB are read.",
            "Save the rows that are needed by themselves.",
        )
    return document


def send_rows(stream: IO[bytes], rows: bytes) -> None:
    send(stream, Reply(rows_bytes=len(rows)))
    stream.write(rows)
    stream.flush()


def receive_rows(stream: IO[bytes]) -> list[tuple[str, ...]]:
    """The rows of a sheet as text; a refusal is raised."""
    length = _receive_reply(stream).rows_bytes
    if length is None or not 0 <= length <= limits.TABLE_BYTES:
        raise EOFError
    rows = json.loads(receive_bytes(stream, length))
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise EOFError
    return [tuple(map(str, row)) for row in rows]


def send_cells(stream: IO[bytes], pieces: Sequence[bytes]) -> None:
    send(stream, Reply(cells_bytes=tuple(map(len, pieces))))
    for piece in pieces:
        stream.write(piece)
    stream.flush()


def receive_cells(stream: IO[bytes]) -> pd.DataFrame:
    """The cells of a CSV as text; a refusal is raised."""
    sizes = _receive_reply(stream).cells_bytes
    if not sizes or min(sizes) < 0 or sum(sizes) > limits.CELLS_BYTES:
        raise EOFError
    if max(sizes) > limits.PIECE_BYTES:
        raise EOFError  # of one piece, Python's words would take many times the room
    names = json.loads(receive_bytes(stream, sizes[0]))
    if not _are_words(names) or None in names or len(set(names)) < len(names):
        raise EOFError
    parts = [pd.DataFrame(columns=names, dtype="string")]
    for size in sizes[1:]:
        columns = json.loads(receive_bytes(stream, size))
        if not isinstance(columns, list) or not all(map(_are_words, columns)):
            raise EOFError
        whole = zip(names, columns, strict=True)
        parts.append(pd.DataFrame({name: pd.array(one, dtype="string") for name, one in whole}))
    return pd.concat(parts, ignore_index=True)


def _are_words(found: Any) -> bool:
    return isinstance(found, list) and all(one is None or type(one) is str for one in found)


def receive_image(stream: IO[bytes]) -> Mammogram:
    """The mammogram of a reply; a refusal is raised."""
    image = _receive_reply(stream).image
    if image is None or not 0 < image.height * image.width <= limits.PIXELS:
        raise EOFError
    size = (image.height, image.width)
    pixels: NDArray[np.float32] = np.empty(size, dtype=np.float32)
    _fill(stream, memoryview(pixels).cast("B"))
    wide = _words(stream, size) if image.has_wide else None
    stored = _words(stream, size) if image.has_stored else None
    return Mammogram(info=image.info, pixels=pixels, wide=wide, stored=stored)


def _words(stream: IO[bytes], size: Size) -> NDArray[np.uint16]:
    values = np.empty(size, dtype=np.uint16)
    _fill(stream, memoryview(values).cast("B"))
    return values


def _fill(stream: IO[bytes], target: memoryview) -> None:
    position = 0
    while position < len(target):
        count = stream.readinto(target[position:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        position += count
