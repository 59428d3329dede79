"""What a check of the audit reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """SERIOUS: results made from this table mean nothing. WARNING: they mean less than they seem.
    NOTE: something to know."""

    SERIOUS = "serious"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, in a sentence, with the rows behind it.

    `rows` are image ids, or what else the sentence speaks of; `pictures` are paths of images worth
    looking at, those that belong together side by side.
    """

    check: str
    severity: Severity
    sentence: str
    rows: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


def texts(values: Iterable[object]) -> tuple[str, ...]:
    """Each value once, as text, in order of appearance."""
    return tuple(dict.fromkeys(str(value) for value in values))
