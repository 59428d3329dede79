"""One file to take away, and how it is called: by this program, never after anything in a file."""

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mammo_core.reports.case_record import ReadImage

#: A zip of the same files is the same zip.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    name: str  # with forward slashes
    content: bytes


def view_name(image: ReadImage) -> str:
    """ "1_R_CC": number, and side and view as far as known."""
    ref = image.about.ref
    return "_".join(str(part) for part in (image.about.number, ref.side, ref.view) if part)


def to_zip(files: Iterable[CaseFile], *, folder: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{folder}/{file.name}", date_time=_NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.content)
    return stream.getvalue()
