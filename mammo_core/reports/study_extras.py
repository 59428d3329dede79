"""What was measured after the training and lies beside the card: heatmap fidelity, stress."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mammo_core.errors import RunError
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import card_hash

_MOST_ROWS: Final = 200
_NOT_SHOWN: Final = ("schema version", "card sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A file's numbers by name. `why_unusable` where it was measured for another card."""

    rows: tuple[tuple[str, str], ...]
    why_unusable: str = ""


def read_extra(owner: RunFolder, name: str) -> Extra | None:
    """What `name` says beside the card of `owner`; None where nothing was measured."""
    path = owner.file(name)
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise RunError(
            f"{name} of {owner.run_id} is not valid JSON ({error}). Measure it again."
        ) from None
    if not isinstance(document, dict):
        raise RunError(f"{name} of {owner.run_id} must hold a JSON object. Measure it again.")
    if document.get("card_sha256", "") not in ("", card_hash(owner)):
        return Extra(rows=(), why_unusable=f"{name} was measured for another model card.")
    rows = [row for row in _leaves(document, "") if row[0] not in _NOT_SHOWN]
    return Extra(rows=tuple(rows[:_MOST_ROWS]))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every number and word of a document, named by the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}, {key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _leaves(inner, f"{name} {number}")
    elif isinstance(value, list):
        yield name.replace("_", " "), ", ".join(_word(inner) for inner in value)
    else:
        yield name.replace("_", " "), _word(value)


def _word(value: Any) -> str:
    if value is None:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
