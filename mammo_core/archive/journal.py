"""Lines that are appended one by one, and what a kill leaves of them: whole lines, or half of one
that is passed over.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mammo_core.files import sync_folder, told_of_disk


def append_line(path: Path, document: Any) -> None:
    """On the disk when this returns."""
    with told_of_disk(path.parent), path.open("a+b") as stream:
        stream.seek(0, os.SEEK_END)
        is_new = stream.tell() == 0
        is_whole = is_new or _last_byte(path) == b"\n"
        stream.write((b"" if is_whole else b"\n") + json.dumps(document).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
        if is_new:
            sync_folder(path.parent)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in `path`, in the order they were written in; none where there is no file."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict):
            yield document
