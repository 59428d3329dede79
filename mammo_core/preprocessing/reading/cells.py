"""A table that somebody uploads (CSV, or what iMRMC writes) as cells of text. Its bytes come from
anywhere, so they are taken apart in a limited process; what comes back is cells and nothing else.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from typing import Any, Final

import pandas as pd

from mammo_core.errors import ReadError, TableError
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import shared_pool
from mammo_core.records import damage_in_words

MOST_MEGABYTES: Final = 100
_AT_ONCE: Final = 500_000  # cells: of more, the many small words of Python take too much room
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?")
_SEPARATOR_LINE: Final = re.compile(r'^"?sep=.?"?\s*$', re.IGNORECASE)
_BEGIN: Final = re.compile(rb"^[ \t]*BEGIN DATA:?[ \t\r]*$", re.MULTILINE | re.IGNORECASE)
_IMRMC: Final = ("reader", "case", "modality", "score")
_LEAVE_OUT: Final = (
    "Leave out columns that hold neither score, label, image, patient, exam, side, view nor split, "
    "or upload one split at a time."
)


def refuse_too_large(size: int) -> None:
    """Of `size` bytes."""
    if size > MOST_MEGABYTES * limits.MEGABYTE:
        raise TableError(
            f"The uploaded table is {size / limits.MEGABYTE:,.0f} MB; at most {MOST_MEGABYTES} MB "
            f"are read. {_LEAVE_OUT}"
        )


def read_csv(data: bytes) -> pd.DataFrame:
    """Every cell as text; comma, semicolon or tab between them. Of an iMRMC file (free text, BEGIN
    DATA, four columns) those four, by the names iMRMC has for them.
    """
    refuse_too_large(len(data))
    try:
        return shared_pool().read_cells(data)
    except ReadError as error:
        raise TableError(str(error)) from None


def decode_cells(data: bytes) -> list[bytes]:
    """`read_csv` in this very process, as pieces of JSON: the names, then the columns of so many
    rows at a time.
    """
    if b"\0" in data:
        raise _not_readable("it is binary or UTF-16 text")
    begin = _BEGIN.search(data, 0, limits.MEGABYTE)
    pieces = _of_csv(data) if begin is None else _of_imrmc(data[begin.end() :].strip())
    try:
        return list(_told(pieces))
    except MemoryError:
        raise _refused("takes more memory than a table may") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    separator: str = ","
    skipped: int = 0  # lines before the first with cells
    is_imrmc: bool = False


def _of_csv(data: bytes) -> Iterator[bytes]:
    try:
        yield from _pieces(data, _layout(data))
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        if "out of memory" in str(error):
            raise MemoryError from None
        raise _not_readable(damage_in_words(error)) from None


def _of_imrmc(body: bytes) -> Iterator[bytes]:
    """Of what follows BEGIN DATA: reader, case, modality, score, without a header."""
    if not body:
        raise ReadError("table", "Nothing follows BEGIN DATA in the reader study.")
    try:
        yield from _pieces(body, _Written(is_imrmc=True))
    except ValueError as error:
        raise ReadError(
            "table", f"What follows BEGIN DATA in the reader study is not four columns: {error}"
        ) from None


def _layout(data: bytes) -> _Written:
    """What separates the cells, and whether a line of its own says so, as Excel writes it."""
    first = _LINE.match(data)
    told = bool(first and _SEPARATOR_LINE.match(first[0][:64].decode("utf-8-sig", "replace")))
    header = _LINE.match(data, first.end() if first and told else 0)
    separator = max(",;\t", key=(header[0] if header else b"").decode("latin-1").count)
    return _Written(separator=separator, skipped=int(told))


def _pieces(data: bytes, layout: _Written) -> Iterator[bytes]:
    start = 0
    for _ in range(layout.skipped):
        start = _end_of_line(data, start)
    width = data.count(layout.separator.encode(), start, _end_of_line(data, start)) + 1
    _refuse_wide(width)
    lines = max(data.count(b"\n"), data.count(b"\r")) + 1
    _refuse_many(lines, width)
    names: dict[str, Any] = {}
    if layout.is_imrmc:
        names = {"header": None, "names": list(_IMRMC), "usecols": range(len(_IMRMC))}
    reader = pd.read_csv(
        BytesIO(data),
        dtype="string",
        encoding="utf-8-sig",
        encoding_errors="replace" if layout.is_imrmc else "strict",
        sep=layout.separator,
        skiprows=layout.skipped,
        iterator=True,
        **names,
    )
    with reader:
        first = reader.get_chunk(1)  # a header may go over several lines: its width is known now
        _refuse_wide(len(first.columns))
        yield _packed([_fits(str(name)) for name in first.columns])
        _refuse_many(lines, len(first.columns))
        rows = max(1, _AT_ONCE // max(1, len(first.columns)))
        for part in chain([first], _further(reader, rows)):
            if not isinstance(part.index, pd.RangeIndex):
                raise _not_readable("its lines have more cells than its first")
            yield from _in_pieces([_column(part[name]) for name in part.columns])


def _in_pieces(columns: list[list[str | None]]) -> Iterator[bytes]:
    """Of so many rows as go into a piece."""
    piece, rows = _packed(columns), len(columns[0])
    if len(piece) <= limits.PIECE_BYTES:
        yield piece
    elif rows < 2:
        most = limits.PIECE_BYTES // limits.MEGABYTE
        raise _refused(f"has a line of more than {most} MB", "Is a quotation mark missing?")
    else:
        for some in (slice(rows // 2), slice(rows // 2, None)):
            yield from _in_pieces([column[some] for column in columns])


def _further(reader: Any, rows: int) -> Iterator[pd.DataFrame]:
    with suppress(StopIteration):
        while True:
            yield reader.get_chunk(rows)


def _refuse_many(lines: int, width: int) -> None:
    if (cells := lines * width) > limits.TABLE_CELLS:
        raise _refused(
            f"has {lines:,} lines of {width:,} cells, {cells / 10**6:,.0f} million in all; at most "
            f"{limits.TABLE_CELLS // 10**6} million are read"
        )


def _end_of_line(data: bytes, start: int) -> int:
    found = _LINE.match(data, start)
    return found.end() if found else start


def _column(cells: "pd.Series[str]") -> list[str | None]:
    for long in cells[cells.str.len().fillna(0) > limits.CELL_CHARACTERS]:
        _fits(long)
    words: list[str | None] = cells.astype(object).where(cells.notna(), None).tolist()
    return words


def _fits(cell: str) -> str:
    if len(cell) > limits.CELL_CHARACTERS:
        raise _refused(
            f"has a cell of {len(cell):,} characters; at most {limits.CELL_CHARACTERS:,} are read "
            "of one",
            "Is a quotation mark missing?",
        )
    return cell


def _refuse_wide(columns: int) -> None:
    if columns > limits.TABLE_COLUMNS:
        raise _refused(f"has {columns:,} columns; at most {limits.TABLE_COLUMNS:,} are read")


def _told(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, while all of them together may go through the pipe."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limits.CELLS_BYTES:
            raise _refused(
                f"holds more than {limits.CELLS_BYTES // limits.MEGABYTE} MB of text, written out"
            )
        yield piece


def _packed(cells: Any) -> bytes:
    return json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode()


def _refused(what: str, hint: str = _LEAVE_OUT) -> ReadError:
    return ReadError("table", f"The uploaded table {what}.", hint)


def _not_readable(why: str) -> ReadError:
    return ReadError(
        "table", f"The uploaded file is not a readable CSV: {why}.", "Save it as CSV (UTF-8)."
    )
