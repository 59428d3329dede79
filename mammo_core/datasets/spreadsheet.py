"""Reading .xlsx tables: cell values as text, and no formula taken for a value."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from mammo_core.datasets.layout import require_columns
from mammo_core.errors import TableError


def read_sheet(path: Path, *, columns: Iterable[str], sheet: str | None = None) -> pd.DataFrame:
    """A sheet (the first, unless named) as stripped text, `<NA>` where a cell is empty."""
    rows = list(_rows_of(path, sheet))
    if not rows:
        raise TableError(f"{path.name} is empty.")
    header = ["" if value is None else str(value).strip() for value in rows[0]]
    table = pd.DataFrame(
        [[_text(value) for value in row] for row in rows[1:]], columns=header, dtype="string"
    )
    require_columns(table, columns, where=path.name)
    return table.dropna(how="all").reset_index(drop=True)


def _rows_of(path: Path, sheet: str | None) -> Iterable[tuple[Any, ...]]:
    """A formula is refused: what it last came to is only what the sheet's author may have seen."""
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError) as error:
        raise TableError(
            f"{path.name} is not a readable .xlsx ({error}). Open it in a spreadsheet program and "
            "save it again."
        ) from None
    try:
        if sheet is not None and sheet not in book.sheetnames:
            found = ", ".join(book.sheetnames)
            raise TableError(f"{path.name} has no sheet {sheet!r}. It has {found}.")
        for row in book[sheet or book.sheetnames[0]].iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    raise TableError(
                        f"Cell {cell.coordinate} of {path.name} holds a formula. Save the sheet "
                        "with values only (copy, paste as values)."
                    )
            yield tuple(cell.value for cell in row)
    finally:
        book.close()


def _text(value: object) -> str | None:
    """12.0 is "12": a spreadsheet does not tell whole numbers from others."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None or not str(value).strip() else str(value).strip()
