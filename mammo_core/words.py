"""Words that stand in many places: the research notice, and numbers with their nouns."""

from collections.abc import Mapping
from typing import Final

from mammo_core.types import Level

#: Said wherever a score is shown.
NOTICE: Final = "For research only. Not a medical device."

#: One case and several, in words: who counts by patient counts women.
UNITS: Final[Mapping[Level, tuple[str, str]]] = {
    Level.IMAGE: ("image", "images"),
    Level.BREAST: ("breast", "breasts"),
    Level.EXAM: ("exam", "exams"),
    Level.PATIENT: ("woman", "women"),
}


def many(count: int, one: str, more: str) -> str:
    """`1 woman`, `2,000 women`."""
    return f"{count:,} {one if count == 1 else more}"


def case_in_words(level: Level, views: int) -> str:
    """What a case of `level` is, where so many views are scored together."""
    return f"{level}{pairs_in_words(level, views)}"


def pairs_in_words(level: Level, views: int) -> str:
    """What must be added to the name of such a case; "" where it is what it is called."""
    is_paired = views == 2 and level is Level.IMAGE
    return ", each with its partner beside it: a breast counts twice" if is_paired else ""
