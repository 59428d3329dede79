"""Tables that cost a look at every pixel, kept until a file they were made from changes."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from mammo_core.files import replace_file
from mammo_core.paths import cache_root


def remembered(name: str, files: Sequence[Path], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """What `make` returned for these very files before, else what it returns now. All text."""
    path = cache_root() / "tables" / f"{name}-{state_of(files)}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, make().to_csv(index=False, lineterminator="\n"))
    return pd.read_csv(path, dtype="string")


def state_of(files: Sequence[Path]) -> str:
    """Names, sizes and times of `files` as a key: another one as soon as a file changes."""
    state = hashlib.sha256()
    for path in files:
        found = path.stat() if path.exists() else None
        told = f"{found.st_size}\0{found.st_mtime_ns}" if found else "not there"
        state.update(f"{path}\0{told}\0".encode())
    return state.hexdigest()[:32]
