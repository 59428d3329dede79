"""Who did what, when, to which case: a line each, never changed. Each line holds the hash of the
one before it, so that a line that is changed, taken out or put in is found.

A case is named by its hash, which is of its pixels' files; nothing here names a woman. What a chain
cannot tell is whether its last lines were cut off: the hash that `mammo access-log verify` prints,
written down elsewhere, tells that.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mammo_core.errors import ConfigError, RunError
from mammo_core.files import append_whole, locked, told_of_disk
from mammo_core.records import from_document, to_document

_FIRST: Final = "0" * 64
_TAIL_BYTES: Final = 8192  # more than a line ever has


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    at: str  # ISO 8601, UTC
    account: str
    action: str
    case: str = ""  # its hash
    model: str = ""
    about: str = ""  # ids of ours, never text of a file
    previous: str = _FIRST


def note_access(
    file: Path, account: str, action: str, *, case: str = "", model: str = "", about: str = ""
) -> None:
    """One more line, on the disk before this returns."""
    with told_of_disk(file.parent), locked(file.with_name(f".{file.name}.lock")):
        access = Access(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            account=account,
            action=action,
            case=case,
            model=model,
            about=about,
            previous=_hash_of_last(file),
        )
        append_whole(file, json.dumps(to_document(access)).encode() + b"\n")


def read_accesses(file: Path) -> Iterator[Access]:
    for _, access in _lines(file):
        yield access


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLog:
    lines: int
    last: str  # hash of the last line
    holds_noted: bool  # whether a hash noted earlier is of one of its lines


def verify(file: Path, *, noted: str = "") -> CheckedLog:
    """A RunError names the first line that does not follow from the one before it."""
    previous, count, holds = _FIRST, 0, not noted or noted == _FIRST
    for line, access in _lines(file):
        count += 1
        if access.previous != previous:
            raise RunError(
                f"Line {count} of {file.name} does not follow from the line before it: one of them "
                "was changed, or a line was taken out or put in. Lines before them are whole."
            )
        previous = hashlib.sha256(line).hexdigest()
        holds = holds or previous == noted
    return CheckedLog(lines=count, last=previous, holds_noted=holds)


def _lines(file: Path) -> Iterator[tuple[bytes, Access]]:
    if not file.exists():
        return
    with file.open("rb") as log:
        for number, line in enumerate(log, start=1):
            try:
                access = from_document(json.loads(line), Access, where=f"line {number}")
            except (ValueError, RecursionError, ConfigError):
                raise RunError(f"Line {number} of {file.name} is damaged.") from None
            yield line.rstrip(b"\n"), access


def _hash_of_last(file: Path) -> str:
    """Of the last line. Half a line that a power cut left will be ended, and stands as damaged."""
    if not file.exists():
        return _FIRST
    with file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        if not size:
            return _FIRST
        log.seek(max(0, size - _TAIL_BYTES))
        tail = log.read()
    return hashlib.sha256(tail.rstrip(b"\n").rpartition(b"\n")[2]).hexdigest()
