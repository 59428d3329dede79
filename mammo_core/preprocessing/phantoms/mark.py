"""The mark that synthetic mammograms carry in their files, so that nobody takes one for a woman's.

A model that learnt from synthetic images alone reads images with this mark and no others. Saving a
picture anew loses the mark, and the picture is then refused: the safe way round.
"""

import struct
import zlib
from typing import Final

#: In DICOM the value of De-identification Method (0012,0063); in a PNG its comment.
SYNTHETIC_MARK: Final = "Synthetic: there is no such person"

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER_END: Final = len(_SIGNATURE) + 25  # IHDR, always the first chunk, is 25 bytes long


def _chunk(kind: bytes, content: bytes) -> bytes:
    """PNG specification, 5.3: length, kind, content, checksum of the last two."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


_COMMENT: Final = _chunk(b"tEXt", b"Comment\0" + SYNTHETIC_MARK.encode("latin-1"))


def mark_png(content: bytes) -> bytes:
    """The PNG with the mark as its first comment; its pixels stay as they are."""
    return content[:_HEADER_END] + _COMMENT + content[_HEADER_END:]


def is_marked_png(content: bytes) -> bool:
    marked = content[_HEADER_END : _HEADER_END + len(_COMMENT)]
    return content.startswith(_SIGNATURE) and marked == _COMMENT
