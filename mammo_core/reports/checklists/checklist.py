"""Reporting checklists: what a guideline asks, and what a run can answer of it.

A guideline is data: one entry per item. Its topics are in our words; authors submit the published
form. An item that a run knows nothing of says so: it is the author's, or it was not done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mammo_core.reports.study.results import AtPoint, Results
from mammo_core.reports.study.women import Reported
from mammo_core.runs.card import ModelCard

_NO_CARD: Final = "the model card is missing."


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


def fixed(answer: Answer) -> Answering:
    """An item that every run answers alike."""
    return lambda told: answer


def for_author(hint: str) -> Answering:
    """An item no run can answer."""
    return fixed(left_to_author(hint))


def with_card(answer: Callable[[Reported, ModelCard], Answer]) -> Answering:
    """Without a model card the item is left to the author."""

    def answered(told: Reported) -> Answer:
        card = told.study.card
        return answer(told, card) if card is not None else left_to_author(_NO_CARD)

    return answered


def with_results(answer: Callable[[Reported, Results], Answer]) -> Answering:
    """Without results the item says why there are none."""

    def answered(told: Reported) -> Answer:
        results = told.results
        return not_done(told.why_no_results) if results is None else answer(told, results)

    return answered


def at_point(answer: Callable[[Reported, AtPoint], Answer]) -> Answering:
    """Without a threshold the item says why there is none."""

    @with_results
    def answered(told: Reported, results: Results) -> Answer:
        point = results.point
        return not_done(results.why_no_point) if point is None else answer(told, point)

    return answered
