"""A sheet of a workbook (.xlsx) as rows of text. A workbook is a zip of XML: it lies about its
size, unpacks to gigabytes and breaks in the middle, so it is opened in a limited process.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mammo_core.errors import ReadError
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import shared_pool

_MOST_COLUMNS: Final = 1000


def sheet_rows(path: Path, sheet: str | None = None) -> list[tuple[str, ...]]:
    """The rows that hold anything; a ReadError where there are none to be had."""
    return shared_pool().read_sheet(path, sheet or "")


def decode_rows(path: Path, sheet: str) -> list[tuple[str, ...]]:
    """`sheet_rows` in this very process."""
    try:
        _refuse_huge(path)
        rows = list(_rows_of(path, sheet))
    except ReadError:
        raise
    except MemoryError:
        raise _refused("is larger than what may be read of it") from None
    except Exception as error:  # noqa: BLE001 - XML, zip or values: the library lets all of it out
        raise _refused(
            f"is not a readable .xlsx ({type(error).__name__}: {error})",
            "Open it in a spreadsheet program and save it again.",
        ) from None
    width = max(map(len, rows), default=0)
    if width > _MOST_COLUMNS:
        raise _refused(f"has {width} columns; at most {_MOST_COLUMNS} are read")
    return rows


def _refused(what: str, hint: str = "Save the sheet that is needed by itself.") -> ReadError:
    """What is wrong with the workbook, whose name comes before it."""
    return ReadError("sheet", f"{what}.", hint)


def _refuse_huge(path: Path) -> None:
    with zipfile.ZipFile(path) as book:
        size = sum(entry.file_size for entry in book.infolist())
    if size > limits.UNPACKED_BYTES:
        raise _refused(
            f"would unpack to {size / limits.MEGABYTE:,.0f} MB; at most "
            f"{limits.UNPACKED_BYTES // limits.MEGABYTE} MB are read"
        )


def _rows_of(path: Path, sheet: str) -> Iterator[tuple[str, ...]]:
    """What is in a row, to its last cell that holds anything, whatever size the sheet says it has.

    A formula is refused: what it last came to is only what the sheet's author may have seen.
    """
    import openpyxl  # not all machines have it

    book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    try:
        if sheet and sheet not in book.sheetnames:
            found = ", ".join(book.sheetnames)
            raise _refused(f"has no sheet {sheet!r}. It has {found}", "Is it the right file?")
        found_sheet = book[sheet or book.sheetnames[0]]
        found_sheet.reset_dimensions()  # else rows beyond the stated size are left out
        for row in found_sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    raise _refused(
                        f"holds a formula in cell {cell.coordinate}",
                        "Save the sheet with values only (copy, paste as values).",
                    )
            values = [_text(cell.value) for cell in row]
            while values and not values[-1]:
                values.pop()
            if values:
                yield tuple(values)
    finally:
        book.close()


def _text(value: object) -> str:
    """12.0 is "12": a spreadsheet does not tell whole numbers from others."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
