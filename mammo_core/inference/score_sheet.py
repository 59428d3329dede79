"""Scores of files as a CSV that grows row by row, and is gone on with after an interruption.

Its columns are those of a predictions table, so it can be judged once it has a label column. The
names of files stand in it as the user gave them: the sheet is theirs, and goes nowhere else.
"""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from mammo_core.errors import TableError
from mammo_core.files import replace_file
from mammo_core.tables import safe_cell

_CLASS_PREFIX: Final = "p_"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """One file. `problem` says why it has no score, `note` what to know of the one it has."""

    file: str
    sha256: str
    image_id: str = ""
    patient_id: str = ""
    exam_id: str = ""
    side: str = ""
    view: str = ""
    model_id: str
    weights_sha256: str
    engine: str
    score: str = ""
    note: str = ""
    problem: str = ""
    probabilities: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What decides the score."""
        return (safe_cell(self.file), self.sha256, self.weights_sha256, self.engine)


_COLUMNS: Final = tuple(one.name for one in fields(SheetRow) if one.name != "probabilities")


def to_heading(classes: Iterable[str]) -> str:
    """The first line of the CSV, for a task of these classes."""
    return _line(_headings(classes))


def to_line(row: SheetRow) -> str:
    """The row as a line of CSV, which a spreadsheet shows and never runs."""
    return _line([*(getattr(row, name) for name in _COLUMNS), *row.probabilities])


class ScoreSheet:
    """A CSV on disk. Every row is there as soon as it is added."""

    def __init__(self, path: Path, classes: Iterable[str]) -> None:
        self._path = path
        self._headings = _headings(classes)
        self._rows = self._read() if path.exists() else []

    @property
    def scored(self) -> set[tuple[str, ...]]:
        """The keys of the rows that hold a score."""
        return {_key(row) for row in self._rows}

    def start(self) -> None:
        """Write what is kept: rows with a score. Files refused before are tried again."""
        lines = [_line(self._headings), *(_line(list(row.values())) for row in self._rows)]
        replace_file(self._path, "".join(lines))

    def add(self, rows: Iterable[SheetRow]) -> None:
        with self._path.open("a", encoding="utf-8", newline="") as stream:
            stream.write("".join(to_line(row) for row in rows))
            stream.flush()
            os.fsync(stream.fileno())

    def _read(self) -> list[Mapping[str, str]]:
        text = self._path.read_text(encoding="utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1]  # a kill may have cut the last line short
        table = csv.DictReader(io.StringIO(whole, newline=""))
        if list(table.fieldnames or ()) != self._headings:
            raise TableError(
                f"{self._path.name} is there already and is no list of scores by such a model. "
                "Choose another name for --out."
            )
        return [row for row in table if row["score"]]


def _headings(classes: Iterable[str]) -> list[str]:
    return [*_COLUMNS, *(_CLASS_PREFIX + name for name in classes)]


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return (row["file"], row["sha256"], row["weights_sha256"], row["engine"])


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow([safe_cell(cell) for cell in cells])
    return line.getvalue()
