"""From a file to a mammogram. Content decides what a file is, never its name."""

import hashlib
from pathlib import Path

from mammo_core.errors import ReadError
from mammo_core.paths import home
from mammo_core.preprocessing.dicom.identity import installation_key
from mammo_core.preprocessing.dicom.parse import is_dicom
from mammo_core.preprocessing.dicom.reader import decode_dicom
from mammo_core.preprocessing.raster import decode_raster
from mammo_core.types import Mammogram


def read_mammogram(source: Path | bytes, *, image_id: str | None = None) -> Mammogram:
    """Read one file. `image_id` is the data set's own; without one it is made from the content."""
    return decode(source, image_id=image_id)


def decode(source: Path | bytes, *, image_id: str | None = None) -> Mammogram:
    """Read one file in this very process: for processes that may die of a broken file."""
    data = source if isinstance(source, bytes) else _content(source)
    if is_dicom(data):
        return decode_dicom(data, key=installation_key(home() / "key"), image_id=image_id)
    return decode_raster(data, image_id=image_id or hashlib.sha256(data).hexdigest()[:16])


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReadError("no-file", f"This file cannot be opened: {error.strerror}.") from None
