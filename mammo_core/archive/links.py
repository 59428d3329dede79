"""The way back from a kept case to the study it came from, sealed with the key of this
installation: the folder of a case tells nobody whose it is.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from mammo_core.errors import ConfigError, MammoError
from mammo_core.files import home, replace_file
from mammo_core.preprocessing.cases import load_case
from mammo_core.preprocessing.reading.identity import installation_key, keyed_id
from mammo_core.records import from_document, to_document

_LINK: Final = "archive.sealed"  # in the folder of a case


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedImage:
    image_id: str
    series_uid: str
    uid: str
    sop_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a case came from: what is needed to find priors, and to send results home."""

    archive: str
    study_uid: str
    day: str
    patient_id: str
    images: tuple[LinkedImage, ...]
    left_out: str = ""
    missing: str = ""  # where the archive did not list all that it counts in the study
    issuer: str = ""  # of the patient id; one id of two issuers is of two women


def is_prior(earlier: Link, current: Link) -> bool:
    """Whether it may hang beside: in one archive, known to be of one woman, and before."""
    is_hers = bool(current.patient_id) and earlier.patient_id == current.patient_id
    is_before = bool(earlier.day) and earlier.day < current.day
    is_there = earlier.archive == current.archive
    return is_hers and is_before and is_there and is_one_issuer(earlier.issuer, current.issuer)


def is_one_issuer(one: str, other: str) -> bool:
    """Whether a patient id means the same for both; unknown where either does not say."""
    return not one or not other or one == other


def own_key() -> bytes:
    return installation_key(home() / "key")


def seal(text: str) -> str:
    """Readable by this installation alone."""
    return _fernet().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise ConfigError(
            "Which study this was cannot be told: it was sealed by another installation, or is "
            "damaged. Open the study from the archive again."
        ) from None


def _fernet() -> Fernet:
    digest = bytes.fromhex(keyed_id(own_key(), "seal", b"1") + keyed_id(own_key(), "seal", b"2"))
    return Fernet(base64.urlsafe_b64encode(digest))


def keep_link(root: Path, case_id: str, link: Link) -> None:
    replace_file(root / case_id / _LINK, seal(json.dumps(to_document(link))))


def read_link(root: Path, case_id: str) -> Link | None:
    """Where a kept case came from; None where that was no archive."""
    load_case(root, case_id)  # what is no id, or no case, never touches the disk
    try:
        sealed = (root / case_id / _LINK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return from_document(json.loads(unseal(sealed)), Link, where="the case's way back")
    except ValueError:
        raise MammoError("Where this case came from is damaged. Open it again.") from None
