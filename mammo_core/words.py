"""Words that stand in many places: the research notice, and numbers with their nouns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from mammo_core.types import Level, Task

#: Said wherever a score is shown.
NOTICE: Final = "For research only. Not a medical device."

#: Said of a score that was asked for although the model has learnt from no images of that kind:
#: beside it, on the picture, and in every form it leaves the workbench in.
OUTSIDE: Final = "Outside what this model knows"

#: One case and several, in words: who counts by patient counts women.
UNITS: Final[Mapping[Level, tuple[str, str]]] = {
    Level.IMAGE: ("image", "images"),
    Level.BREAST: ("breast", "breasts"),
    Level.EXAM: ("exam", "exams"),
    Level.PATIENT: ("woman", "women"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledFor:
    """What a model calls cases for: `one` follows "with", "without" and "have"; `several` follows a
    number of cases.
    """

    one: str = "cancer"
    several: str = "cancers"

    @property
    def is_cancer(self) -> bool:
        return self == CANCERS


CANCERS: Final = CalledFor()
_MOST_NAMED: Final = 3  # positive classes; more would fill the line


def finding_of(task: Task | None) -> CalledFor:
    """What the positive cases of `task` have; cancer where no card tells, as of an uploaded table,
    which is asked for the labels that mean cancer.
    """
    if task is None or all(re.search("cancer|malignant", name.lower()) for name in task.positive):
        return CANCERS
    if len(task.positive) > _MOST_NAMED:
        return CalledFor(one="a positive class", several="of a positive class")
    named = " or ".join(task.positive)
    return CalledFor(one=named, several=f"with {named}")


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


def short_day(day: date) -> str:
    """As one writes it where the year is clear, whatever the computer's language: 28 Nov."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def day_in_words(moment: str) -> str:
    """ "29 Nov 2026" of an ISO 8601 time; what is none is given back as it is."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{short_day(at)} {at.year}"
