"""Tables that a reader uploaded, kept for a while so that a page switch does not lose them.

A file is named by a hash of its content: the name it came under is never used, and the same table
is kept once.
"""

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Final

from mammo_core.errors import TableError
from mammo_core.files import replace_file

KEPT_DAYS: Final = 30
_TABLE_ID: Final = re.compile(r"[0-9a-f]{32}")
_DAY: Final = 86_400  # seconds


def keep_table(root: Path, data: bytes) -> str:
    """Store `data` below `root`, for `KEPT_DAYS` after its last use; returns its id."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    forget_old_tables(root, now=time.time())
    table_id = hashlib.sha256(data).hexdigest()[:32]
    path = _path_of(root, table_id)
    if path.exists():
        path.touch()
    else:
        replace_file(path, data)
    return table_id


def load_table(root: Path, table_id: str) -> bytes:
    """The bytes as they came; `table_id` may come from an address and is checked first."""
    if not _TABLE_ID.fullmatch(table_id):
        raise TableError("The address names no uploaded table. Upload the CSV again.")
    path = _path_of(root, table_id)
    try:
        data = path.read_bytes()
        os.utime(path)
        return data
    except FileNotFoundError:
        raise TableError(
            f"The uploaded table is not kept any more: tables are deleted {KEPT_DAYS} days after "
            "their last use. Upload the CSV again."
        ) from None


def forget_table(root: Path, table_id: str) -> None:
    if _TABLE_ID.fullmatch(table_id):
        _path_of(root, table_id).unlink(missing_ok=True)


def forget_old_tables(root: Path, *, now: float) -> None:
    for path in root.glob("*.csv"):
        if _TABLE_ID.fullmatch(path.stem) and now - path.stat().st_mtime > KEPT_DAYS * _DAY:
            path.unlink(missing_ok=True)


def _path_of(root: Path, table_id: str) -> Path:
    return root / f"{table_id}.csv"
