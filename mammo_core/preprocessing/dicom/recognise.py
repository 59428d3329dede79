"""Whether a file is DICOM, told by its first bytes and without the library that reads it."""

import struct
from typing import Final

PREAMBLE: Final = 128
PREFIX: Final = b"DICM"


def is_dicom(data: bytes) -> bool:
    """By content: the prefix after the preamble, or a data set that begins without either."""
    return data[PREAMBLE : PREAMBLE + 4] == PREFIX or _is_bare(data)


def is_vr(code: bytes) -> bool:
    """Whether two bytes can be a value representation, as in explicit encoding."""
    return code.isalpha() and code.isupper()


def _is_bare(data: bytes) -> bool:
    """Whether the first element is one of group 0002 or 0008, as old exports begin."""
    if len(data) < 16 or data[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):
        return False
    order = ">" if data[:2] == b"\0\x08" else "<"
    element = struct.unpack(order + "H", data[2:4])[0]
    length = struct.unpack(order + "I", data[4:8])[0]
    return element <= 0x0070 and (is_vr(data[4:6]) or length <= 1024)
