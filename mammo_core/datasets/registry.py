"""Which folders the user calls data sets, by which adapter and label rule: one small file each.

A file is named by a hash of the data set's name: what a user typed never becomes a path.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from mammo_core.damage import damage_in_words
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.files import replace_file, sync_folder
from mammo_core.records import from_document, to_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A data set the user brought. `name` is the user's; `adapter` and `label_rule` are ours."""

    name: str
    folder: str
    adapter: str
    label_rule: str


def register(root: Path, entry: Registered) -> None:
    """Keep `entry` below `root`; an entry of the same name is replaced."""
    if not entry.name.strip():
        raise ConfigError("The data set has no name. Give it one, so that it can be found again.")
    root.mkdir(parents=True, exist_ok=True)
    replace_file(_file_of(root, entry.name), json.dumps(to_document(entry), indent=2) + "\n")


def list_registered(root: Path) -> list[Registered]:
    """Every data set below `root`, by name."""
    return sorted((_read(path) for path in root.glob("*.json")), key=lambda entry: entry.name)


def find_registered(root: Path, name: str) -> Registered:
    """The data set of that name."""
    path = _file_of(root, name)
    if not path.exists():
        raise UnknownNameError("data set", name, (entry.name for entry in list_registered(root)))
    return _read(path)


def forget(root: Path, name: str) -> None:
    """Take `name` off the list. Its images stay where they are."""
    _file_of(root, name).unlink(missing_ok=True)
    if root.is_dir():
        sync_folder(root)


def _file_of(root: Path, name: str) -> Path:
    return root / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> Registered:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{path} is not a data set's entry ({damage_in_words(error)}). Delete it and "
            "register the folder again."
        ) from None
    return from_document(document, Registered, where=path.name)
