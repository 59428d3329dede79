"""Words that stand in many places: the research notice, and numbers with their nouns."""

from collections.abc import Mapping
from datetime import datetime
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


#: English whatever the computer speaks, which strftime does not promise.
_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]


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


def day_in_words(moment: str) -> str:
    """ "29 Nov 2026" of an ISO 8601 time; what is none is given back as it is."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
