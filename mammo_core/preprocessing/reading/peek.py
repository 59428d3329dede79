"""What a file says of itself, without decoding a pixel: for tables of thousands of files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from mammo_core.errors import ReadError
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.read import is_dicom
from mammo_core.types import Laterality, Size, View

_HEAD_BYTES: Final = 2**18  # headers of mammograms are far shorter
_SIGNATURE_BYTES: Final = 256  # a preamble and a prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """The stored size in pixels, and the side and view where the file names them."""

    size: Size
    side: Laterality | None = None
    view: View | None = None


def file_kinds(files: Iterable[Path]) -> tuple[str, ...]:
    """Which of "DICOM" and "picture" are among `files`, by their first bytes."""
    return tuple(sorted({_kind_of(path) for path in files}))


def _kind_of(path: Path) -> str:
    head = limits.read_source(path, most=_SIGNATURE_BYTES)
    return "DICOM" if is_dicom(head) else "picture"


def peek(path: Path) -> Peek:
    """Size, side and view of the image in `path`; a ReadError where it is none."""
    head = limits.read_source(path, most=_HEAD_BYTES)
    try:
        return _peek_dicom(path, head) if is_dicom(head) else _peek_raster(path)
    except ReadError:
        raise
    except Exception as error:
        raise ReadError(
            "damaged", f"The header of this file is broken ({type(error).__name__})."
        ) from error


def _peek_dicom(path: Path, head: bytes) -> Peek:
    from mammo_core.preprocessing.dicom.header import integer  # not all machines have pydicom
    from mammo_core.preprocessing.dicom.parse import parse
    from mammo_core.preprocessing.dicom.views import read_side_and_view

    try:
        header = parse(head).header
    except ReadError:  # the head may have been cut inside a deflated or unusually long header
        header = parse(limits.read_source(path)).header
    rows, columns = integer(header, "Rows"), integer(header, "Columns")
    if rows is None or columns is None:
        raise ReadError("no_pixels", "This DICOM names no number of rows and columns.")
    placed = read_side_and_view(header)
    return Peek(size=(rows, columns), side=placed.side, view=placed.view)


def _peek_raster(path: Path) -> Peek:
    try:
        with Image.open(path) as image:
            return Peek(size=(image.height, image.width))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise ReadError(
            "unknown", "This file is neither a DICOM nor a picture this program knows."
        ) from None
