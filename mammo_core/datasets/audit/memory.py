"""What was found out about each file, remembered by what is in it: a changed file is looked at
again, a moved one is not, and one new file throws nothing away.

One SQLite file below the cache. Where a file lies, with its size and time, leads to its content's
hash; the hash leads to what was found out. So a second look at an unchanged folder opens no image.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from mammo_core.files import cache_root, place_of

#: Part of the file's name. Raise it when reading, judging or measuring comes to say otherwise.
VERSION: Final = 1
_AT_ONCE: Final = 500  # names in one question: SQLite takes no more than 999
_SECONDS: Final = 30.0  # another audit may be writing

Found = tuple[dict[str, Any], bytes]  # the row, and the fingerprint's bytes


class LookMemory:
    """Safe between processes; each call opens the file for itself."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or cache_root() / f"looks-{VERSION}.sqlite"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as database, database:
            database.execute("PRAGMA journal_mode=WAL")  # one may read while another writes
            database.execute("CREATE TABLE IF NOT EXISTS places (place TEXT PRIMARY KEY, sha TEXT)")
            database.execute(
                "CREATE TABLE IF NOT EXISTS looks (sha TEXT PRIMARY KEY, row TEXT, print BLOB)"
            )

    def of_files(self, files: Sequence[Path]) -> dict[Path, Found]:
        """What is known of those `files` that lie as they lay before."""
        places = {place: file for file in files if (place := known_place(file)) is not None}
        with closing(self._open()) as database:
            shas = dict(_asked(database, "SELECT place, sha FROM places WHERE place", places))
            looks = _looks(database, set(shas.values()))
        return {places[place]: looks[sha] for place, sha in shas.items() if sha in looks}

    def of_content(self, sha: str) -> Found | None:
        with closing(self._open()) as database:
            return _looks(database, (sha,)).get(sha)

    def keep(self, found: Mapping[Path, tuple[str, Found]]) -> None:
        """By file its content's hash, and what was found out."""
        with closing(self._open()) as database, database:
            database.executemany(
                "INSERT OR REPLACE INTO places VALUES (?, ?)",
                [(place, sha) for file, (sha, _) in found.items() if (place := known_place(file))],
            )
            database.executemany(
                "INSERT OR REPLACE INTO looks VALUES (?, ?, ?)",
                [(sha, json.dumps(row), prints) for sha, (row, prints) in found.values()],
            )

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_SECONDS)
        database.execute("PRAGMA synchronous=NORMAL")  # what a power cut loses is looked at again
        return database


def known_place(file: Path) -> str | None:
    """As a key; None where the file cannot be asked."""
    try:
        return place_of(file)
    except OSError:
        return None


def _looks(database: sqlite3.Connection, shas: Iterable[str]) -> dict[str, Found]:
    rows = _asked(database, "SELECT sha, row, print FROM looks WHERE sha", shas)
    return {sha: (json.loads(row), prints) for sha, row, prints in rows}


def _asked(
    database: sqlite3.Connection, question: str, names: Iterable[str]
) -> Iterator[tuple[Any, ...]]:
    """The rows of all `names`, a few hundred at a time."""
    every = list(names)
    for start in range(0, len(every), _AT_ONCE):
        some = every[start : start + _AT_ONCE]
        yield from database.execute(f"{question} IN ({','.join('?' * len(some))})", some)
