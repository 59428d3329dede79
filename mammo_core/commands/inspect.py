"""`mammo inspect`: what files are, as far as the program understands them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mammo_core.commands.command import Command
from mammo_core.errors import ConfigError, ReadError
from mammo_core.files import replace_file
from mammo_core.types import Mammogram

_HEADINGS: Final = ("file", "kind", "rows x columns", "bits", "side", "view", "mm per pixel")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="images of any kind")
    parser.add_argument(
        "--filters",
        type=Path,
        metavar="OUT.png",
        help="also write the image and the three filters side by side (one FILE only)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.preprocessing.read import read_mammogram

    if arguments.filters and len(arguments.files) != 1:
        raise ConfigError(
            f"--filters makes a picture of one image, but {len(arguments.files)} files were given."
        )
    rows: list[Sequence[str]] = [_HEADINGS]
    remarks: list[Sequence[str]] = [()]
    refused = 0
    for file in arguments.files:
        try:
            mammogram = read_mammogram(file)
        except ReadError as error:
            rows.append((_printable(file), "refused"))
            remarks.append([f"{error} [{error.code}]"])
            refused += 1
        else:
            rows.append((_printable(file), *_described(mammogram)))
            remarks.append([*mammogram.modifiers, *mammogram.notes])
            if arguments.filters:
                _write_filters(mammogram, arguments.filters)
    for line in _table(rows, remarks):
        print(line)
    return 1 if refused else 0


def _write_filters(mammogram: Mammogram, path: Path) -> None:
    from mammo_core.preprocessing.filters import filters_png

    if not path.parent.is_dir():
        raise ConfigError(f"There is no folder {path.parent} to write {path.name} to.")
    replace_file(path, filters_png(mammogram.pixels))


def _described(mammogram: Mammogram) -> tuple[str, ...]:
    height, width = mammogram.size
    spacing = "unknown"
    if mammogram.spacing_mm is not None:
        row, column = mammogram.spacing_mm
        spacing = f"{row:g}" if row == column else f"{row:g} x {column:g}"
        spacing += " (at the detector)" if mammogram.is_spacing_at_detector else ""
    ref = mammogram.ref
    return (
        mammogram.kind,
        f"{height} x {width}",
        str(mammogram.bits),
        ref.side or "unknown",
        ref.view or "unknown",
        spacing,
    )


def _table(rows: list[Sequence[str]], remarks: list[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be, and each file's remarks below its row."""
    full = [row for row in rows if len(row) == len(_HEADINGS)]
    widths = [max(len(row[column]) for row in full) for column in range(len(_HEADINGS))]
    widths[0] = max(len(row[0]) for row in rows)
    lines = []
    for row, notes in zip(rows, remarks, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        lines.append("  ".join(cells).rstrip())
        lines.extend(f"    {note}" for note in notes)
    return lines


def _printable(path: Path) -> str:
    """The name as given, without what would play tricks on a terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(path))


INSPECT = Command(
    name="inspect",
    summary="say what image files are, or why they cannot be read",
    add_arguments=_add_arguments,
    run=_run,
)
