"""What a compressed frame says of itself, read before any decoder touches it.

Decoders fill in for what a cut frame lacks, and allocate what a lying header asks for. So the
size, channels and precision of the codestream must agree with the DICOM header, and it must end.
"""

import struct
from dataclasses import dataclass
from typing import Final

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.matrix import PixelMatrix
from mammo_core.preprocessing.reading import limits

END: Final = b"\xff\xd9"  # EOI of JPEG and JPEG-LS, EOC of JPEG 2000

#: Baseline, extended, progressive, lossless.
_JPEG_FRAMES: Final = frozenset((0xC0, 0xC1, 0xC2, 0xC3))
_JPEG_LS_FRAME: Final = 0xF7
_STANDALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
_SCAN: Final = 0xDA
_SOT: Final = b"\xff\x90"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codestream:
    kind: str  # "JPEG", "JPEG-LS", "JPEG 2000"
    rows: int
    columns: int
    samples: int
    precision: int
    is_signed: bool = False


def read_codestream(frame: bytes) -> Codestream:
    """The codestream's own header; a frame that does not end is refused."""
    if not frame.rstrip(b"\0").endswith(END):
        raise ReadError(
            "truncated",
            "This DICOM's compressed image ends early: its end marker is missing.",
            "The copy was interrupted; copy it again.",
        )
    if frame.startswith(b"\xff\xd8"):
        return _jpeg(frame)
    if frame.startswith(b"\xff\x4f\xff\x51"):
        return _jpeg_2000(frame)
    raise _damaged("does not begin as a compressed image does")


def check_agreement(codestream: Codestream, matrix: PixelMatrix, kind: str) -> None:
    """Refuse a frame that is not what the DICOM header says it is."""
    pairs = (
        ("format", codestream.kind, kind),
        ("rows", codestream.rows, matrix.rows),
        ("columns", codestream.columns, matrix.columns),
        ("samples per pixel", codestream.samples, matrix.samples),
    )
    for what, found, said in pairs:
        if found != said:
            raise _disagreement(f"{what} {said}", str(found))
    precision, allocated, stored = codestream.precision, matrix.bits_allocated, matrix.bits_stored
    if precision > allocated or precision <= 8 < stored:
        raise _disagreement(f"{stored} of {allocated} bits", f"{precision} bits")
    if matrix.is_signed and precision < stored:
        raise _disagreement(f"{stored} signed bits", f"{precision} bits")
    if codestream.is_signed and not matrix.is_signed:
        raise _disagreement("unsigned values", "signed values")


def _jpeg(frame: bytes) -> Codestream:
    """ITU-T T.81 B.1.1: markers until the frame header, whose layout JPEG-LS shares (T.87 C.2)."""
    position = 2
    while position + 10 <= len(frame):
        if frame[position] != 0xFF:
            break
        marker = frame[position + 1]
        if marker in _STANDALONE or marker == 0xFF:
            position += 1 if marker == 0xFF else 2
            continue
        length = struct.unpack_from(">H", frame, position + 2)[0]
        if marker in _JPEG_FRAMES or marker == _JPEG_LS_FRAME:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", frame, position + 4)
            kind = "JPEG-LS" if marker == _JPEG_LS_FRAME else "JPEG"
            return Codestream(
                kind=kind, rows=rows, columns=columns, samples=samples, precision=precision
            )
        if marker == _SCAN or length < 2:
            break
        position += 2 + length
    raise _damaged("has no frame header")


def _jpeg_2000(frame: bytes) -> Codestream:
    """ITU-T T.800 A.5.1, the image and tile size marker."""
    if len(frame) < 45:
        raise _damaged("has no size marker")
    width, height, left, top, tile_width, tile_height, tile_left, tile_top, samples = (
        struct.unpack_from(">8IH", frame, 8)
    )
    if not (tile_width and tile_height and left < width and top < height):
        raise _damaged("has an impossible size marker")
    tiles = -(-(width - tile_left) // tile_width) * -(-(height - tile_top) // tile_height)
    if tiles > limits.TILES:
        raise _damaged(f"is cut into {tiles:,} tiles")
    depth = frame[42]
    _check_tile_parts(frame)
    return Codestream(
        kind="JPEG 2000",
        rows=height - top,
        columns=width - left,
        samples=samples,
        precision=(depth & 0x7F) + 1,
        is_signed=bool(depth & 0x80),
    )


def _check_tile_parts(frame: bytes) -> None:
    """Tile-parts state their length (T.800 A.4.2), so a hole is seen even before an end marker."""
    end = len(frame.rstrip(b"\0")) - len(END)
    position = _first_tile_part(frame, end)
    while position < end:
        if frame[position : position + 2] != _SOT or position + 12 > end:
            raise _damaged("has a tile-part where none can be")
        length = struct.unpack_from(">I", frame, position + 6)[0]
        if 0 < length < 12:
            raise _damaged("has a tile-part of impossible length")
        position = position + length if length else end
    if position != end:
        raise ReadError(
            "truncated",
            "This DICOM's compressed image is shorter than its tile-parts say.",
            "The copy was interrupted; copy it again.",
        )


def _first_tile_part(frame: bytes, end: int) -> int:
    position = 2
    while frame[position : position + 2] != _SOT:
        if position + 4 > end or frame[position] != 0xFF:
            raise _damaged("has a broken main header")
        position += 2 + int(struct.unpack_from(">H", frame, position + 2)[0])
    return position


def _damaged(what: str) -> ReadError:
    return ReadError(
        "damaged",
        f"This DICOM's compressed image {what}.",
        "Export it again from where it came.",
    )


def _disagreement(said: str, found: str) -> ReadError:
    return ReadError(
        "codestream_disagrees",
        f"This DICOM's header says {said}, its compressed image {found}.",
        "One of them is wrong. Export the image again.",
    )
