"""Whose a run or a data set is: a small file beside it, which travels with it. What has none was
made by one person alone, or before the server was shared, and is everybody's.
"""

import json
from pathlib import Path
from typing import Final

from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.sharing.rights import Owner

OF_RUN: Final = "owner.json"
OF_DATA_SET: Final = ".owner"  # the ending that takes the place of .json
NOBODY: Final = Owner(folder="", is_private=True)


def read_owner(file: Path) -> Owner | None:
    """A damaged file hides what it is of: better nobody sees it than everybody."""
    try:
        return from_document(json.loads(file.read_text(encoding="utf-8")), Owner, where=file.name)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, ConfigError):
        return NOBODY


def write_owner(file: Path, owner: Owner) -> None:
    replace_file(file, json.dumps(to_document(owner)) + "\n")


def copy_owner(of: Path, to: Path) -> None:
    """What is made of something belongs to whom that does; of what is everybody's, to everybody."""
    owner = read_owner(of)
    if owner is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        write_owner(to, owner)
