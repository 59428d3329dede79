"""The audit as one HTML page that needs nothing else: findings, thumbnails, counts, shortcuts."""

from dataclasses import astuple
from pathlib import Path
from typing import Final

from mammo_core.datasets.audit.result import AuditResult, Severity
from mammo_core.datasets.small_images import thumbnail
from mammo_core.files import replace_file
from mammo_core.html import jpeg_uri, render

_THUMBNAIL: Final = 140  # pixels of the longer side
_MOST_ROWS: Final = 200  # listed per finding; the JSON has all
_MOST_PICTURES: Final = 12


def write_report(result: AuditResult, root: Path, path: Path) -> None:
    """The report of `result` at `path`; thumbnails are made of the images below `root`."""
    replace_file(path, render_report(result, root))


def render_report(result: AuditResult, root: Path) -> str:
    def picture(file: str) -> str | None:
        data = thumbnail(root, file, side=_THUMBNAIL)
        return None if data is None else jpeg_uri(data)

    values = {
        "result": result,
        "counts": {severity: len(result.of(severity)) for severity in Severity},
        "count_rows": [astuple(count) for count in result.counts],
        "shape_rows": [astuple(shape) for shape in result.shapes],
        "picture": picture,
        "most_rows": _MOST_ROWS,
        "most_pictures": _MOST_PICTURES,
    }
    return render("audit.html", values)
