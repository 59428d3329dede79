"""Reporting checklists: what a guideline asks, and what a run can answer of it.

A guideline is data: one entry per item. Its topics are in our words; authors submit the published
form. An item that a run knows nothing of says so: it is the author's, or it was not done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mammo_core.reports.study.women import Reported


class Status(StrEnum):
    """FILLED may still leave a part to the author; the text then says which."""

    FILLED = "filled"
    NOT_DONE = "not done"
    FOR_AUTHOR = "for the author"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: Status
    text: str


Answering = Callable[[Reported], Answer]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist. `number` is the guideline's own."""

    number: str
    section: str
    topic: str
    answer: Answering


@dataclass(frozen=True, slots=True, kw_only=True)
class Guideline:
    title: str
    reference: str
    items: tuple[Item, ...]
    remark: str = "Topics are paraphrased; submit the published form."


def answered(guideline: Guideline, told: Reported) -> Iterator[tuple[Item, Answer]]:
    """Every item with what the run says to it."""
    for item in guideline.items:
        yield item, item.answer(told)


def filled(text: str, *, author: str = "") -> Answer:
    """What the run says; `author` is what it cannot say."""
    rest = f" For the author: {author}" if author else ""
    return Answer(status=Status.FILLED, text=text + rest)


def not_done(text: str) -> Answer:
    return Answer(status=Status.NOT_DONE, text=text[:1].upper() + text[1:])


def left_to_author(text: str) -> Answer:
    return Answer(status=Status.FOR_AUTHOR, text=text[:1].upper() + text[1:])


def for_author(hint: str) -> Answering:
    """An item no run can answer."""

    def answer(told: Reported) -> Answer:
        return left_to_author(hint)

    return answer
