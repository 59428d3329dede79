"""One message to a component in the browser: a JSON header, then arrays as raw bytes.

    uint32 length of header | header, padded with blanks | buffer | buffer | ...

Each part starts at a multiple of eight bytes, so the browser reads the arrays where they lie
(wire.js). Streamlit hands bytes over as they are; inside a dict they would travel as text.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT: Final = 8
_LENGTH: Final = struct.Struct("<I")
_WIRE_SCRIPT: Final = Path(__file__).parent / "wire.js"


def pack(header: Mapping[str, Any], buffers: Sequence[NDArray[Any]]) -> bytes:
    """Little-endian, as every browser reads them; the header gains where each one starts."""
    parts = [_little_endian(buffer) for buffer in buffers]
    offsets, end = [], 0
    for part in parts:
        offsets.append(end)
        end += len(part) + -len(part) % _ALIGNMENT
    text = json.dumps({**header, "offsets": offsets}, allow_nan=False).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % _ALIGNMENT)
    padded = [part + b"\0" * (-len(part) % _ALIGNMENT) for part in parts]
    return b"".join([_LENGTH.pack(len(text)), text, *padded])


def join_scripts(folder: Path, names: Sequence[str]) -> str:
    """wire.js and then `names`, as the one module Streamlit takes per component."""
    scripts = (_WIRE_SCRIPT, *(folder / name for name in names))
    return "\n".join(script.read_text(encoding="utf-8") for script in scripts)


def _little_endian(buffer: NDArray[Any]) -> bytes:
    little = buffer.astype(buffer.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).tobytes()
