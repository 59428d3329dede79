"""What adapters share: looking for files in a folder, reading tables as text, columns of them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Final

import pandas as pd

from mammo_core.datasets.adapter import Defect, Signs
from mammo_core.errors import TableError
from mammo_core.tables import BOX_COLUMNS, check_boxes, read_table

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


def read_rows(path: Path, *, columns: Iterable[str], separator: str = ",") -> pd.DataFrame:
    """A CSV as stripped text, `<NA>` where a cell is blank; missing `columns` are named."""
    table = read_table(path, what="table", separator=separator)
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
    return sorted(found)


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
