"""Whole folders scored: files are decoded and prepared in parallel while the network runs."""

import csv
import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from mammo_core.errors import ConfigError, ReadError, TableError
from mammo_core.files import append_whole, replace_file, sha256_of
from mammo_core.inference.engine import Engine
from mammo_core.inference.interpretation import remark, why_not, why_unlike
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.card import ModelCard
from mammo_core.scores import DECIMALS, probabilities_of, scores_of
from mammo_core.tables import safe_cell
from mammo_core.types import Pixels, Unfit

_CLASS_PREFIX: Final = "p_"
_TOGETHER: Final = 4  # files that are scored at once


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
    def key(self) -> bytes:
        """What decides the score, in few bytes: a sheet may have millions of rows."""
        return _key(safe_cell(self.file), self.sha256, self.weights_sha256, self.engine)


def _key(*cells: str) -> bytes:
    return hashlib.blake2b("\0".join(cells).encode(), digest_size=16).digest()


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
        names = ("file", "sha256", "weights_sha256", "engine")
        #: The keys of the rows that hold a score.
        self.scored = {_key(*(row[name] for name in names)) for row in self._kept()}

    def start(self) -> None:
        """Write what is kept: rows with a score. Files refused before are tried again."""
        lines = (_line(list(row.values())) for row in self._kept())
        replace_file(self._path, chain((_line(self._headings),), lines))

    def add(self, rows: Iterable[SheetRow]) -> None:
        append_whole(self._path, "".join(to_line(row) for row in rows).encode())

    def _kept(self) -> Iterator[Mapping[str, str]]:
        """One row after the other, of a file that may be larger than memory."""
        if not self._path.exists():
            return
        if self._path.is_dir():
            raise TableError(f"{self._path} is a folder. Name the CSV to write in it.")
        with self._path.open(encoding="utf-8", errors="replace", newline="") as stream:
            # A kill may have cut the last line short.
            table = csv.DictReader(line for line in stream if line.endswith("\n"))
            if list(table.fieldnames or ()) != self._headings:
                raise TableError(
                    f"{self._path.name} is there already and is no list of scores by such a "
                    "model. Choose another name for --out."
                )
            yield from (row for row in table if row["score"])


def _headings(classes: Iterable[str]) -> list[str]:
    return [*_COLUMNS, *(_CLASS_PREFIX + name for name in classes)]


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow([safe_cell(cell) for cell in cells])
    return line.getvalue()


#: What files in a folder are besides images; one that was named by itself is always told of.
_NO_IMAGE: Final = ("unknown", "directory", "empty")
_MOST_THREADS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file to score. `is_named`: the user named it, and not a folder above it."""

    path: Path
    is_named: bool

    @property
    def shown(self) -> str:
        """As the user would write it, in characters that every file can hold."""
        return os.fsencode(self.path).decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFile:
    """What became of one file: a row of the sheet, or nothing where that is no news."""

    row: SheetRow | None
    is_known: bool = False  # scored before
    is_no_image: bool = False
    unfit: Unfit | None = None  # it was read, and is no mammogram


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Read:
    outcome: ScoredFile
    pixels: Pixels | None = None  # of an image that is to be scored


def find_files(places: Sequence[Path]) -> Iterator[Found]:
    """Files as named, and every file below a named folder; links to folders are not followed. Each
    once, and one folder's names in memory at a time.
    """
    for place in places:
        if not place.exists():
            raise ConfigError(f"There is no file or folder {place}.")
    order = {place: number for number, place in enumerate(places)}
    is_folder = [place.is_dir() for place in places]
    reached = (
        (path, number, _reached_from(path, order))
        for number, place in enumerate(places)
        for path in (_below(place) if is_folder[number] else (place,))
    )
    return (
        Found(path=path, is_named=not is_folder[numbers[0]])
        for path, number, numbers in reached
        if number == numbers[-1]
    )


def _reached_from(path: Path, order: Mapping[Path, int]) -> list[int]:
    """The numbers of the places that lead to `path`, the first one first."""
    found = [order[path]] if path in order else []
    for folder in path.parents:
        if folder in order:
            found.append(order[folder])
        if len(found) == len(order) or folder.name == ".." or folder.is_symlink():
            break  # nobody comes to it from above
    return sorted(found)


def _below(folder: Path) -> Iterator[Path]:
    """Every file, sorted, but in hidden folders, where programs keep what is theirs; what cannot be
    listed is passed over.
    """
    try:
        with os.scandir(folder) as entries:
            listed = sorted((one.name, one.is_dir(), one.is_symlink()) for one in entries)
    except OSError:
        return
    for name, is_folder, is_link in listed:
        if not is_folder:
            yield folder / name
        elif not is_link and not name.startswith("."):
            yield from _below(folder / name)


def refuse_pairs(card: ModelCard) -> None:
    """Files come one by one, and which of them are views of one breast is known when all are read;
    scored alone, each would stand in for the other views without need.
    """
    if card.model.views > 1:
        how = (
            "scores the CC and the MLO of a breast together"
            if card.model.views == 2
            else "reads each image in its place among the four views of an exam"
        )
        raise ConfigError(
            f"{card.model_id} {how}, and files in a folder are scored one by one. "
            "List them in a manifest.csv (image_id, path, patient_id, side, view) and use `mammo "
            "evaluate`, or open the exam on the Read page."
        )


def score_files(
    card: ModelCard,
    engine: Engine,
    files: Iterable[Found],
    *,
    is_known: Callable[[SheetRow], bool] = lambda row: False,
) -> Iterator[list[ScoredFile]]:
    """What became of each of `files`, in their order, a few at a time.

    A file that cannot be read, or that the model does not score, stops no other. `is_known` is
    asked with a row that has no score yet; what is known is not read again.
    """
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    left = iter(files)
    running: deque[Future[_Read]] = deque()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            while True:
                # No more are read ahead than two batches: each holds a prepared image.
                while len(running) < 2 * _TOGETHER and (one := next(left, None)) is not None:
                    running.append(pool.submit(_read, one, card, engine.name, is_known))
                if not running:
                    return
                yield _scored(_ready(running), card, engine)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ready(running: "deque[Future[_Read]]") -> list[_Read]:
    """The first, once it is read, and those after it that are read already; a batch at most."""
    ready = [running.popleft().result()]
    while running and len(ready) < _TOGETHER and running[0].done():
        ready.append(running.popleft().result())
    return ready


def _read(one: Found, card: ModelCard, engine: str, is_known: Callable[[SheetRow], bool]) -> _Read:
    row = SheetRow(
        file=one.shown,
        sha256="",
        model_id=card.model_id,
        weights_sha256=card.weights_sha256,
        engine=engine,
    )
    try:
        if not one.path.is_dir():
            limits.read_source(one.path, most=1)  # what has no end has no hash
        row = replace(row, sha256=sha256_of(one.path))
        if is_known(row):
            return _Read(outcome=ScoredFile(row=None, is_known=True))
        mammogram = read_mammogram(one.path)
    except OSError as error:
        return _refused(row, f"This file cannot be opened: {error.strerror}.")
    except ReadError as error:
        if not one.is_named and error.code in _NO_IMAGE:
            return _Read(outcome=ScoredFile(row=None, is_no_image=True))
        return _refused(row, str(error))
    refusal = why_not(card, mammogram)
    if refusal:
        return _refused(row, refusal, mammogram.info.unfit)
    ref = mammogram.ref
    row = replace(
        row,
        image_id=ref.image_id,
        patient_id=ref.patient_id or "",
        exam_id=ref.exam_id or "",
        side=ref.side or "",
        view=ref.view or "",
        note=" ".join(filter(None, (why_unlike(card, mammogram), remark(card, mammogram)))),
    )
    return _Read(outcome=ScoredFile(row=row), pixels=prepare(mammogram, card.prepare).pixels)


def _refused(row: SheetRow, problem: str, unfit: Unfit | None = None) -> _Read:
    return _Read(outcome=ScoredFile(row=replace(row, problem=problem), unfit=unfit))


def _scored(read: list[_Read], card: ModelCard, engine: Engine) -> list[ScoredFile]:
    pixels = [one.pixels for one in read if one.pixels is not None]
    if not pixels:
        return [one.outcome for one in read]
    shares = probabilities_of(engine.run(np.stack(pixels)).logits)
    scores = iter(zip(scores_of(shares, card.task), shares, strict=True))
    outcomes = []
    for one in read:
        row = one.outcome.row
        if one.pixels is None or row is None:
            outcomes.append(one.outcome)
            continue
        score, probabilities = next(scores)
        scored = replace(
            row,
            score=f"{score:.{DECIMALS}f}",
            probabilities=tuple(f"{share:.{DECIMALS}f}" for share in probabilities),
        )
        outcomes.append(ScoredFile(row=scored))
    return outcomes
