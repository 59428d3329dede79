"""How much one file may cost. Decoders crash, hang and balloon on broken files; these stop them."""

import os
import stat
import sys
from pathlib import Path
from typing import Final

from mammo_core.errors import ReadError

MEGABYTE: Final = 2**20

#: Refusals that say something of this computer at this moment, not of the file.
PASSING: Final = ("no_reader", "too_slow", "decoder_died")

FILE_BYTES: Final = 600 * MEGABYTE
HEAD_BYTES: Final = 16 * MEGABYTE  # what is read of a larger file, to say in words what it is
SIDE: Final = 16_384
PIXELS: Final = 120_000_000
INFLATED_BYTES: Final = 512 * MEGABYTE
TILES: Final = 4096  # of a JPEG 2000 codestream

WORKER_BYTES: Final = 3 * 1024 * MEGABYTE  # address space where the system can limit it
WORKER_SECONDS: Final = 20.0  # per file, by the clock on the wall
KEEP_SECONDS: Final = 30.0  # where what is read is masked and written as well
HEADER_SECONDS: Final = 5.0  # where nothing but a header is read
ELEMENTS: Final = 200_000  # of a data set; a mammogram has some hundred
TABLE_BYTES: Final = 64 * MEGABYTE  # of the text of a sheet
UNPACKED_BYTES: Final = 512 * MEGABYTE  # of the workbook it is in
TABLE_FILE_BYTES: Final = 100 * MEGABYTE  # of a table that comes with a data set
TABLE_SECONDS: Final = 120.0  # a CSV of that many cells takes ten on a quiet machine
TABLE_CELLS: Final = 20_000_000
TABLE_COLUMNS: Final = 5_000
CELL_CHARACTERS: Final = 10_000
PIECE_BYTES: Final = 16 * MEGABYTE  # of so many of them as are taken apart at once
CELLS_BYTES: Final = 256 * MEGABYTE  # of all cells of a CSV as they go through the pipe
WORKER_FILES: Final = 500  # then a fresh process
WORKER_GROWTH_BYTES: Final = 500 * MEGABYTE  # then a fresh process


#: Set to anything, links that lead out of a data set's folder are followed.
FOLLOW_LINKS: Final = "MAMMO_FOLLOW_LINKS"


def read_source(file: Path, *, most: int = FILE_BYTES, inside: Path | None = None) -> bytes:
    """The content of `file`, or its first `most` bytes. Only a plain file is read: a device or a
    pipe has no end. Below the folder `inside`, no link is followed out of it.
    """
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | _OPENING), "rb") as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise ReadError(
                    "no_plain_file",
                    "This is a device or a pipe, no plain file.",
                    "Leave it out.",
                )
            if inside is not None and not os.environ.get(FOLLOW_LINKS):
                _refuse_outside(file, inside)
            return stream.read(min(most, max(state.st_size, _ROOM)))  # room for `most` takes time
    except OSError as error:
        raise ReadError(
            "no_file", f"This file cannot be opened: {error.strerror}.", "Is it still there?"
        ) from None


_ROOM: Final = 2**16  # bytes; what the system makes up as it is read says that it has none

#: A pipe that nobody writes to would else be waited for; Windows would change the ends of lines.
_OPENING: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def _refuse_outside(file: Path, folder: Path) -> None:
    if not _is_plainly_below(file, folder) and not file.resolve().is_relative_to(folder.resolve()):
        raise ReadError(
            "outside",
            "This is a link that leads out of the data set's folder; it was not followed.",
            f"Put the file itself there, or set {FOLLOW_LINKS}=1 and start again.",
        )


def _is_plainly_below(file: Path, folder: Path) -> bool:
    """Whether no link is on the way, which is told a hundred times sooner than where links lead."""
    if os.name == "nt" or not file.is_relative_to(folder):  # there, more than links lead elsewhere
        return False
    way = file.parts[len(folder.parts) :]
    steps = (os.path.join(folder, *way[:count]) for count in range(1, len(way) + 1))  # noqa: PTH118
    return ".." not in way and not any(map(os.path.islink, steps))


#: Exports of a case, each made by a process of its own, and those that may wait for a turn.
EXPORTS_AT_ONCE: Final = 2
EXPORTS_WAITING: Final = 4


def limit_memory(most_bytes: int) -> None:
    """Of this process: its address space, where the system keeps such a limit. Elsewhere whoever
    started it watches it.
    """
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the image


def too_large(size: int) -> ReadError:
    return ReadError(
        "too_large",
        f"This file has {size // MEGABYTE:,} MB; at most {FILE_BYTES // MEGABYTE} MB are read.",
        "Export the two-dimensional image alone.",
    )


def check_pixels(height: int, width: int) -> None:
    """Refuse an image that is larger than any mammogram."""
    if height > SIDE or width > SIDE or height * width > PIXELS:
        raise ReadError(
            "too_large",
            f"This image has {height} x {width} pixels; up to {SIDE:,} on a side and "
            f"{PIXELS // 10**6} million in all are read.",
            "Export it at its detector's own resolution.",
        )
