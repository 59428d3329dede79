"""Many files at once: which of them make one case, and the list of cases that came together.

Exams are told apart by the number in their DICOM headers, pictures by the folder they lie in. What
a folder is called is compared and forgotten.
"""

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mammo_core.errors import MammoError, ReadError
from mammo_core.files import replace_file
from mammo_core.preprocessing.dicom.recognise import is_dicom

#: More pictures than this in one folder, without a header that says so, are no one woman's.
MOST_OF_ONE: Final = 8

#: How PNG, JPEG, TIFF and PGM begin.
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"P2", b"P5")

_HEAD_BYTES: Final = 2**18
_LIST_ID: Final = re.compile(r"[0-9a-f]{64}")
_CASE_ID: Final = _LIST_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file as it came; `folder` is "" for one dropped by itself."""

    content: bytes
    folder: str = ""


def group_files(files: Sequence[Arrived]) -> list[list[int]]:
    """The places in `files` that make one case each, in the order in which they came.

    What is neither a picture nor names an exam goes with the first case, to be refused there.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    others = []
    for place, file in enumerate(files):
        exam = exam_of(file.content)
        if not exam and not file.content.startswith(_PICTURES):
            others.append(place)
            continue
        groups.setdefault(("exam", exam) if exam else ("folder", file.folder), []).append(place)
    found = []
    for (kind, _), members in groups.items():
        if kind == "folder" and len(members) > MOST_OF_ONE:
            found += [[place] for place in members]
        else:
            found.append(members)
    found.sort()
    return [sorted([*found[0], *others]), *found[1:]] if found else [others]


def exam_of(content: bytes) -> str:
    """What a DICOM calls its exam, as a hash; "" for all else, and where it does not say."""
    if not is_dicom(content[:_HEAD_BYTES]):
        return ""
    from mammo_core.preprocessing.dicom.header import raw  # not all machines have pydicom
    from mammo_core.preprocessing.dicom.parse import parse

    try:
        study = raw(parse(content[:_HEAD_BYTES]).header, "StudyInstanceUID").strip(b" \0")
    except ReadError:
        return ""
    return hashlib.sha256(study).hexdigest() if study else ""


def keep_worklist(root: Path, case_ids: Sequence[str]) -> str:
    """The id under which these cases are found together again."""
    root.mkdir(parents=True, exist_ok=True)
    list_id = hashlib.sha256(" ".join(case_ids).encode()).hexdigest()
    document = {"cases": list(case_ids), "made_at": time.time()}
    replace_file(root / f"{list_id}.json", json.dumps(document) + "\n")
    return list_id


def load_worklist(root: Path, list_id: str) -> tuple[str, ...]:
    """The ids of its cases. Only 64 hex digits are an id; anything else never touches the disk."""
    if not _LIST_ID.fullmatch(list_id):
        raise MammoError("This link does not name a list of cases. Open the images again.")
    try:
        cases = json.loads((root / f"{list_id}.json").read_text(encoding="utf-8"))["cases"]
    except FileNotFoundError:
        raise MammoError("This list of cases is no longer kept. Open the images again.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        cases = None
    if not isinstance(cases, list) or not all(
        isinstance(case, str) and _CASE_ID.fullmatch(case) for case in cases
    ):
        raise MammoError("What was kept of this list is damaged. Open the images again.")
    return tuple(cases)
