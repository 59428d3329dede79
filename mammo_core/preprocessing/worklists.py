"""The list of cases that came together, kept so that a link finds it again."""

import hashlib
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mammo_core.errors import MammoError
from mammo_core.files import replace_file

_ID: Final = re.compile(r"[0-9a-f]{64}")  # of a list, and of a case


def keep_worklist(root: Path, case_ids: Sequence[str]) -> str:
    """The id under which these cases are found together again."""
    root.mkdir(parents=True, exist_ok=True)
    list_id = hashlib.sha256(" ".join(case_ids).encode()).hexdigest()
    document = {"cases": list(case_ids), "made_at": time.time()}
    replace_file(root / f"{list_id}.json", json.dumps(document) + "\n")
    return list_id


def load_worklist(root: Path, list_id: str) -> tuple[str, ...]:
    """The ids of its cases. Only 64 hex digits are an id; anything else never touches the disk."""
    if not _ID.fullmatch(list_id):
        raise MammoError("This link does not name a list of cases. Open the images again.")
    try:
        cases = json.loads((root / f"{list_id}.json").read_text(encoding="utf-8"))["cases"]
    except FileNotFoundError:
        raise MammoError("This list of cases is no longer kept. Open the images again.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        cases = None
    if not isinstance(cases, list) or not all(
        isinstance(case, str) and _ID.fullmatch(case) for case in cases
    ):
        raise MammoError("What was kept of this list is damaged. Open the images again.")
    return tuple(cases)
