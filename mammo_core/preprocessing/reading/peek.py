"""What a file says of itself, without decoding a pixel: for tables of thousands of files."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from mammo_core.errors import ReadError
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import shared_pool
from mammo_core.preprocessing.reading.messages import Peek
from mammo_core.preprocessing.reading.read import is_dicom

_THREADS: Final = 4
_BATCH: Final = 64  # files
_HEAD_BYTES: Final = 2**18  # headers of mammograms are far shorter
_SIGNATURE_BYTES: Final = 256  # a preamble and a prefix


def file_kinds(files: Iterable[Path]) -> tuple[str, ...]:
    """Which of "DICOM" and "picture" are among `files`, by their first bytes."""
    return tuple(sorted({_kind_of(path) for path in files}))


def _kind_of(path: Path) -> str:
    head = limits.read_source(path, most=_SIGNATURE_BYTES)
    return "DICOM" if is_dicom(head) else "picture"


def peek(paths: Sequence[Path]) -> list[Peek | None]:
    """Size, side and view of the image at each path; None where there is none. Asked in limited
    processes: a header can hang or grow like any other part of a foreign file.
    """
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
        return [one for found in threads.map(shared_pool().read_peeks, batches) for one in found]


def decode_peek(path: Path) -> Peek | None:
    """`peek` of one in this very process."""
    try:
        return _peek(path)
    except (ReadError, OSError):
        return None


def _peek(path: Path) -> Peek:
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
