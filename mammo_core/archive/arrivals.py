"""What other nodes have sent and is no case yet: a folder for each study, with identity in it.

A study that is complete is moved aside before anybody reads it. What comes of it later begins a new
folder, so that nothing is deleted which was not read.
"""

import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

from mammo_core.archive.worklists import KEPT_DAYS
from mammo_core.files import locked, replace_file, scratch_beside, sync_folder
from mammo_core.preprocessing.cases import DAY_SECONDS
from mammo_core.words import many

_COMING: Final = re.compile(r"[0-9a-f]{64}")
_ASIDE: Final = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{16}")


Content = bytes | tuple[bytes | memoryview, ...]  # one after another
Write = Callable[[Path, Content], None]


def keep_arrival(
    root: Path, study: str, name: str, content: Content, *, write: Write = replace_file
) -> None:
    """Whole on the disk when this returns. `study` and `name` are hashes."""
    with _alone_in(root):
        folder = root / study
        if not folder.is_dir():
            folder.mkdir()
            sync_folder(root)
        write(folder / f"{name}.dcm", content)


def set_aside(root: Path, *, silence: float, now: float) -> None:
    """Move aside each study of which nothing has come for `silence` seconds."""
    for folder in _named(root, _COMING):
        with suppress(OSError), _alone_in(root):  # another process holds it: the next look has it
            newest = newest_of(folder)
            if newest is None:
                folder.rmdir()
            elif now - newest >= silence:
                folder.rename(root / f"{folder.name}.{secrets.token_hex(8)}")


def studies_aside(root: Path) -> list[Path]:
    """One folder for each study that is to be read; nothing comes into it any more."""
    return _named(root, _ASIDE)


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.dcm"))


def newest_of(folder: Path) -> float | None:
    """When the last image of it came; None where it has none."""
    return max((path.stat().st_mtime for path in files_of(folder)), default=None)


def drop_study(folder: Path) -> None:
    """At once for all who look for it, and then file by file: a kill leaves no half of a study."""
    gone = scratch_beside(folder)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def is_over(folder: Path, *, now: float) -> bool:
    """Whether it has lain here as long as a case that was received is kept."""
    newest = newest_of(folder)
    return newest is not None and now - newest > KEPT_DAYS * DAY_SECONDS


def forget_old_arrivals(root: Path, *, now: float) -> int:
    """Delete every study whose time is over; how many."""
    forgotten = 0
    for folder in [*_named(root, _COMING), *_named(root, _ASIDE)]:
        with suppress(OSError), _alone_in(root):  # the receiver was quicker
            if is_over(folder, now=now):
                drop_study(folder)
                forgotten += 1
    return forgotten


def forgotten_in_words(count: int) -> str:
    one = "study that was received and never became a case"
    more = "studies that were received and never became cases"
    return f"Deleted {many(count, one, more)} in {KEPT_DAYS} days."


def _named(root: Path, pattern: re.Pattern[str]) -> list[Path]:
    return sorted(one for one in root.glob("*") if pattern.fullmatch(one.name) and one.is_dir())


def _alone_in(root: Path) -> AbstractContextManager[None]:
    return locked(root / ".lock")
