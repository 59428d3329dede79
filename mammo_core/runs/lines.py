"""Logs beside a model card: one record a line, only ever appended.

A last line without its end is still being written, or was cut short: it is left alone, and what
comes after it gets a line of its own.
"""

import json
import os
from pathlib import Path
from typing import Any, TypeVar

from mammo_core.errors import ConfigError, RunError
from mammo_core.records import from_document, to_document

T = TypeVar("T")


def append_record(path: Path, record: Any) -> None:
    """`record` as a line of its own, even where a kill cut the line before it short."""
    line = json.dumps(to_document(record)) + "\n"
    with path.open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            line = line if stream.read(1) == b"\n" else f"\n{line}"
        stream.write(line.encode("utf-8"))


def read_records(path: Path, kind: type[T]) -> list[T]:
    """Every record of `path`, or a RunError that names the line that is none: nothing is guessed
    of what it said.
    """
    data = path.read_bytes()
    return [
        _record(line, number, path, kind)
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), start=1)
    ]


def _record(line: bytes, number: int, path: Path, kind: type[T]) -> T:
    where = f"line {number} of {path.name} in the folder {path.parent.name}"
    try:
        return from_document(json.loads(line), kind, where=where)
    except ConfigError as error:
        found = str(error)
    except (ValueError, RecursionError):
        found = f"{where} was cut short or damaged: it is no whole record."
    raise RunError(
        f"{found} Copy the file, then delete line {number} from it with a text editor and save; "
        "what that line said is lost, the others count again."
    )
