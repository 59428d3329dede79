"""What adapters share: finding files in a folder, reading tables and spreadsheets as text, boxes
from masks.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO, StringIO
from itertools import islice
from pathlib import Path, PureWindowsPath
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.datasets.adapters.adapter import Defect, Signs
from mammo_core.datasets.small_images import remembered
from mammo_core.errors import ReadError, TableError
from mammo_core.preprocessing.judge import is_mask
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.sheets import sheet_rows
from mammo_core.tables import BOX_COLUMNS, check_boxes, parse_table
from mammo_core.types import Box, Pixels, Size

IMAGE_SUFFIXES: Final = frozenset(
    (".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm", ".ppm", ".webp")
)
DENSITIES: Final[Mapping[str, str]] = {"1": "A", "2": "B", "3": "C", "4": "D"}
SIDES: Final[Mapping[str, str]] = {"LEFT": "L", "RIGHT": "R", "L": "L", "R": "R"}


def look_for(folder: Path, *patterns: str) -> Signs:
    """Which of the glob `patterns` match something below `folder`."""
    there = {pattern: any(True for _ in folder.glob(pattern)) for pattern in patterns}
    return Signs(
        found=tuple(pattern for pattern, is_there in there.items() if is_there),
        missing=tuple(pattern for pattern, is_there in there.items() if not is_there),
    )


def require(signs: Signs, *, folder: Path, expects: str) -> None:
    """Refuse a folder that lacks a part of the layout, naming the part."""
    if not signs.is_match:
        raise TableError(
            f"{folder.name} lacks {', '.join(signs.missing) or 'images'}. Expected: {expects}"
        )


def content_of(path: Path, *, inside: Path, most: int = limits.TABLE_FILE_BYTES) -> bytes:
    """A file beside the images of the data set in the folder `inside`."""
    try:
        content = limits.read_source(path, most=most + 1, inside=inside)
    except ReadError as error:
        raise TableError(f"{path.name}: {error}") from None
    if len(content) > most:
        raise TableError(
            f"{path.name} is larger than {most // limits.MEGABYTE} MB; it was not read."
        )
    return content


def cells_of(path: Path, *, inside: Path, what: str, separator: str = ",") -> pd.DataFrame:
    """A CSV as text. It is anybody's, so how many cells it would have is asked beforehand."""
    content = content_of(path, inside=inside)
    width = _width(content, separator, name=path.name)
    lines = max(content.count(b"\n"), content.count(b"\r")) + 1
    cells = max(lines * width, content.count(separator.encode()))
    if width > limits.TABLE_COLUMNS or cells > limits.TABLE_CELLS:
        raise TableError(
            f"{path.name} has {width:,} columns and {cells:,} cells; at most "
            f"{limits.TABLE_COLUMNS:,} columns and {limits.TABLE_CELLS // 10**6} million cells are "
            "read."
        )
    return parse_table(BytesIO(content), name=path.name, what=what, separator=separator)


def _width(content: bytes, separator: str, *, name: str) -> int:
    """Of a CSV's first two rows, the wider; a name in quotes may go over several lines."""
    start = StringIO(content[: limits.MEGABYTE].decode("utf-8-sig", "replace"), newline="")
    rows = csv.reader(start, delimiter=separator)
    try:
        widths = [
            len(row)
            for row in islice((row for row in rows if len(row) > 1 or "".join(row).strip()), 2)
        ]
    except csv.Error as error:
        raise TableError(f"The table {name} is not a readable CSV: {error}.") from None
    if len(content) > limits.MEGABYTE and not start.read(1):
        raise TableError(
            f"The first rows of {name} are longer than 1 MB. Is a quotation mark missing?"
        )
    return max(widths, default=1)


def read_rows(
    path: Path, *, inside: Path, columns: Iterable[str], separator: str = ","
) -> pd.DataFrame:
    """A CSV of the data set in the folder `inside` as stripped text, `<NA>` where a cell is blank;
    missing `columns` are named.
    """
    table = cells_of(path, inside=inside, what="table", separator=separator)
    table.columns = table.columns.str.strip()
    require_columns(table, columns, where=path.name)
    stripped = {str(name): table[name].str.strip() for name in table.columns}
    return pd.DataFrame(stripped, index=table.index).replace("", pd.NA)


def require_columns(table: pd.DataFrame, columns: Iterable[str], *, where: str) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise TableError(
            f"{where} lacks the column {', '.join(missing)}. It has {', '.join(table.columns)}."
        )


def list_images(folder: Path, pattern: str = "**/*") -> list[str]:
    """Paths of images below `folder`, relative to it, with forward slashes, in order."""
    found = (
        path.relative_to(folder).as_posix()
        for path in folder.glob(pattern)
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    names = sorted(found)
    _refuse_unreadable_names(names)
    return names


def _refuse_unreadable_names(names: Sequence[str]) -> None:
    """No table holds a name whose bytes are no UTF-8 text, as old disks and archives have them."""
    wrong = [name for name in names if any("\ud800" <= letter <= "\udfff" for letter in name)]
    if wrong:
        raise TableError(
            f"The names of {len(wrong)} of {len(names)} image files are no UTF-8 text (first: "
            f"{wrong[0].encode('utf-8', 'replace').decode()}). Rename them, or leave them out."
        )


def is_inside(path: str) -> bool:
    """Whether a path from a table stays below the folder it is relative to."""
    parts = PureWindowsPath(path)  # reads both kinds of slash
    return not parts.anchor and ".." not in parts.parts


def empty_boxes() -> pd.DataFrame:
    return check_boxes(pd.DataFrame(columns=list(BOX_COLUMNS)))


def make_defect(
    name: str, rows: Iterable[str], sentence: Callable[[int], str]
) -> tuple[Defect, ...]:
    """The defect with its rows, or nothing where there are none; `sentence` is told how many."""
    found = tuple(dict.fromkeys(map(str, rows)))
    return (Defect(name=name, sentence=sentence(len(found)), rows=found),) if found else ()


def read_sheet(
    path: Path, *, inside: Path, columns: Iterable[str], sheet: str | None = None
) -> pd.DataFrame:
    """A sheet (the first, unless named) as stripped text, `<NA>` where a cell is empty."""
    content_of(path, inside=inside)
    try:
        rows = sheet_rows(path, sheet)
    except ReadError as error:
        raise TableError(f"{path.name} {error.sentence} {error.hint}") from None
    if not rows:
        raise TableError(f"{path.name} is empty.")
    width = max(map(len, rows))
    whole = [row + ("",) * (width - len(row)) for row in rows]
    table = pd.DataFrame(whole[1:], columns=list(whole[0]), dtype="string").replace("", pd.NA)
    require_columns(table, columns, where=path.name)
    return table.dropna(how="all").reset_index(drop=True)


_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """What the pixels of a file tell: whether it is a mask, and if so where it is white."""

    size: Size
    is_mask: bool
    box: Box | None


def look_at(pixels: Pixels) -> FirstLook:
    """Where a mask is white; of all else only that it is none."""
    is_two_valued = is_mask(pixels)
    rows, columns = (
        np.flatnonzero((pixels > 0.5).any(axis=1)),
        np.flatnonzero((pixels > 0.5).any(axis=0)),
    )
    box = None
    if is_two_valued and rows.size:
        box = Box(x0=columns[0], y0=rows[0], x1=columns[-1] + 1, y1=rows[-1] + 1)
    return FirstLook(size=pixels.shape, is_mask=is_two_valued, box=box)


def look_at_files(root: Path, paths: Sequence[str], *, name: str) -> pd.DataFrame:
    """`path, height, width, is_mask, x0, y0, x1, y1` of every readable file; remembered."""
    there = [path for path in paths if (root / path).is_file()]
    files = [root / path for path in there]

    def make() -> pd.DataFrame:
        with ThreadPoolExecutor(_THREADS) as pool:
            rows = [row for row in pool.map(partial(_row, root), there) if row is not None]
        return pd.DataFrame(
            rows, columns=["path", "height", "width", "is_mask", "x0", "y0", "x1", "y1"]
        )

    table = remembered(name, files, make)
    return table.assign(is_mask=table["is_mask"] == "True").astype(
        dict.fromkeys(("height", "width", "x0", "y0", "x1", "y1"), "Float64")
    )


def _row(root: Path, path: str) -> tuple[object, ...] | None:
    from mammo_core.preprocessing.reading.read import (
        read_mammogram,
    )  # slow, and only asked of new files

    try:
        look = look_at(read_mammogram(root / path, inside=root).pixels)
    except ReadError:
        return None
    box = look.box
    corners = (box.x0, box.y0, box.x1, box.y1) if box else (None,) * 4
    return (path, *look.size, look.is_mask, *corners)
