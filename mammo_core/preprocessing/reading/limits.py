"""How much one file may cost. Decoders crash, hang and balloon on broken files; these stop them."""

from typing import Final

from mammo_core.errors import ReadError

MEGABYTE: Final = 2**20

FILE_BYTES: Final = 600 * MEGABYTE
HEAD_BYTES: Final = 16 * MEGABYTE  # what is read of a larger file, to say in words what it is
SIDE: Final = 16_384
PIXELS: Final = 120_000_000
INFLATED_BYTES: Final = 512 * MEGABYTE
TILES: Final = 4096  # of a JPEG 2000 codestream

WORKER_BYTES: Final = 3 * 1024 * MEGABYTE  # address space where the system can limit it
WORKER_SECONDS: Final = 20.0  # per file, by the clock on the wall
HEADER_SECONDS: Final = 5.0  # where nothing but a header is read
ELEMENTS: Final = 2_000_000  # of a data set; a mammogram has some hundred
WORKER_FILES: Final = 500  # then a fresh process
WORKER_GROWTH_BYTES: Final = 500 * MEGABYTE  # then a fresh process


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
