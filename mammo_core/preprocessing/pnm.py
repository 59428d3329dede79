"""Portable grey maps and pixel maps (PGM, PPM), exactly as written.

Common libraries rescale values whose maximum is not 255 or 65535; a film scan of 12 bits then
comes back sixteen times too bright. So these few lines read them.
"""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError
from mammo_core.preprocessing import limits
from mammo_core.preprocessing.channels import grey_channel, levels
from mammo_core.preprocessing.pictures import Picture

_CHANNELS: Final = {b"P2": 1, b"P5": 1, b"P3": 3, b"P6": 3}
_IN_WORDS: Final = (b"P2", b"P3")
_BLANK_OR_COMMENT: Final = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER: Final = re.compile(
    rb"(P[2356])" + _BLANK_OR_COMMENT + _BLANK_OR_COMMENT.join([rb"(\d{1,9})"] * 3) + rb"\s"
)
_COMMENT: Final = re.compile(rb"#[^\r\n]*")


def is_grey_map(data: bytes) -> bool:
    return data[:2] in _CHANNELS and data[2:3].isspace()


def read_grey_map(data: bytes) -> Picture:
    """The values of a P2, P3, P5 or P6 file; three channels must be grey."""
    header = _HEADER.match(data[:4096])
    if header is None:
        raise _damaged("its header is broken")
    magic = header.group(1)
    width, height, highest = (int(number) for number in header.groups()[1:])
    if not (1 <= width <= limits.SIDE and 1 <= height <= limits.SIDE and 1 <= highest <= 65535):
        raise _damaged(f"its header tells of {height} x {width} pixels up to {highest}")
    limits.check_pixels(height, width)
    channels = _CHANNELS[magic]
    count = height * width * channels
    body = memoryview(data)[header.end() :]
    values = _written(body, count) if magic in _IN_WORDS else _binary(body, count, highest)
    if int(values.max()) > highest:
        raise _damaged(f"a value is {values.max()}, above its own maximum of {highest}")
    if channels == 3:
        grey = grey_channel(values.reshape(height, width, 3), highest=highest)
        return Picture(kind="PPM", values=grey, highest=highest)
    grey = levels(values.reshape(height, width), highest)
    return Picture(kind="PGM", values=grey, highest=highest)


def _binary(body: memoryview, count: int, highest: int) -> NDArray[np.integer]:
    size = count if highest < 256 else 2 * count
    if len(body) < size:
        raise _truncated(len(body), size)
    if bytes(body[size:]).strip():
        raise _damaged("more follows after its last pixel")
    return np.frombuffer(body[:size], dtype=np.uint8 if highest < 256 else ">u2")


def _written(body: memoryview, count: int) -> NDArray[np.integer]:
    words = _COMMENT.sub(b"", bytes(body)).split()
    if len(words) < count:
        raise _truncated(len(words), count)
    if len(words) > count or not all(word.isdigit() and len(word) < 6 for word in words):
        raise _damaged("its pixels are not as many whole numbers as it says")
    return np.array(words, dtype="S5").astype(np.int64)


def _damaged(what: str) -> ReadError:
    return ReadError("damaged", f"This PGM or PPM is broken: {what}.", "Export it again.")


def _truncated(found: int, expected: int) -> ReadError:
    return ReadError(
        "truncated",
        f"This PGM or PPM ends early: {found:,} of {expected:,} values are there.",
        "The copy was interrupted; copy it again.",
    )
