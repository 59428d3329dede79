"""Ids that group images of one woman without telling who she is; and who she is, for an export
that a researcher explicitly wants with identity.
"""

import hmac
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mammo_core.errors import MammoError


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a DICOM object must repeat of the image it speaks of (PS3.3 C.7.1.1, C.7.2.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    patient_id: str
    patient_name: str = ""
    issuer: str = ""  # of the patient id
    birth_date: str = ""
    sex: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    accession_number: str = ""


_KEY_BYTES: Final = 32
_ID_DIGITS: Final = 32
_PATIENCE: Final = 100  # looks, a hundredth of a second apart


def installation_key(path: Path) -> bytes:
    """The key of this installation, made on first use and readable by its owner alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _existing_key(path)
    key = os.urandom(_KEY_BYTES)
    with os.fdopen(handle, "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())
    return key


def _existing_key(path: Path) -> bytes:
    """Another process may be between making the file and writing its 32 bytes."""
    for _ in range(_PATIENCE):
        key = path.read_bytes()
        if len(key) == _KEY_BYTES:
            return key
        time.sleep(0.01)
    raise MammoError(
        f"The key of this installation, {path}, has {len(key)} bytes; {_KEY_BYTES} are right. "
        "Remove it: a new one is made, and ids of images read before no longer match."
    )


def keyed_id(key: bytes, what: str, value: bytes) -> str:
    return hmac.new(key, what.encode() + b"\0" + value, "sha256").hexdigest()[:_ID_DIGITS]
