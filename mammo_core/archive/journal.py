"""Lines that are appended one by one, and what a kill leaves of them: whole lines, or half of one
that is passed over.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mammo_core.files import append_whole


def append_line(path: Path, document: Any) -> None:
    """On the disk when this returns."""
    append_whole(path, json.dumps(document).encode() + b"\n")


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
