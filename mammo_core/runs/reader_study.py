"""A reader study: each case answered before the model is shown and once more after, for good.

studies/<id>/study.json      what is read, with which checkpoint; written once
studies/<id>/answers.jsonl   every answer, appended and never changed
studies/<id>/shown.jsonl     when each case was first shown to each reader, without AI and with it

Each reader sees the cases in an order of his or her own, drawn from the study's seed.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.errors import ConfigError, RunError
from mammo_core.files import locked, replace_file
from mammo_core.records import damage_in_words, from_document, to_document
from mammo_core.runs.sidecars import append_record, read_records

MOST: Final = 100  # "certainly cancer"; 0 is "certainly none"

_STUDY: Final = "study.json"
_ANSWERS: Final = "answers.jsonl"
_SHOWN: Final = "shown.jsonl"
_ID_DIGITS: Final = 16


class Phase(StrEnum):
    UNAIDED = "without AI"
    AIDED = "with AI"


class Question(StrEnum):
    """What is asked beside how likely cancer is; density once, before the model is shown."""

    RECALL = "recall decision"
    BIRADS = "BI-RADS"
    DENSITY = "density"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCase:
    """A case of the store; `name` is what the study calls it, and nothing else does."""

    case_id: str
    name: str
    truth: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingStudy:
    title: str
    cases: tuple[StudyCase, ...]
    checkpoint: str
    seed: int
    created_at: str  # ISO 8601, UTC
    asks: tuple[Question, ...] = ()

    @property
    def study_id(self) -> str:
        """Studies from before anything else was asked keep the id they were kept under."""
        document = to_document(self)
        if not self.asks:
            del document["asks"]
        text = json.dumps(document, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]

    def order_for(self, reader: str) -> tuple[StudyCase, ...]:
        """The same for the same reader at every visit, and unlike that of any other."""
        cases = list(self.cases)
        random.Random(f"{self.seed} {reader}").shuffle(cases)
        return tuple(cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderAnswer:
    """How likely a reader thought cancer, 0 to MOST, and what the model said."""

    reader: str
    case_id: str
    phase: Phase
    score: int
    seconds: float  # from when it was first shown (`Showing`): breaks and reloads are part of it
    answered_at: str  # ISO 8601, UTC
    weights_sha256: str
    model_score: float | None = None  # of the case; None where the model did not score it
    recalled: bool | None = None  # this and what follows: None or "" where it was not asked
    birads: str = ""
    density: str = ""
    model_called: bool | None = None  # at the threshold locked then
    model_density: str = ""

    def answers(self, question: Question) -> bool:
        match question:
            case Question.RECALL:
                return self.recalled is not None
            case Question.BIRADS:
                return bool(self.birads)
            case Question.DENSITY:
                return bool(self.density) or self.phase is Phase.AIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """A case without AI, or the model's reading of it, before a reader's eyes."""

    reader: str
    case_id: str
    phase: Phase
    shown_at: float  # seconds since 1970


def create_study(root: Path, study: ReadingStudy) -> str:
    """Keep `study` below `root`; its id."""
    if not study.cases:
        raise ConfigError("A reader study needs at least one case.")
    folder = root / study.study_id
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _STUDY, json.dumps(to_document(study), indent=2) + "\n")
    return study.study_id


def create_once(root: Path, study: ReadingStudy, *, since: str) -> str:
    """As `create_study`; of one that has been made since then and is the same but for that moment,
    the id: readers must not be split over the two that a second click would make.
    """
    with locked(root / ".making"):
        for path in root.glob(f"*/{_STUDY}"):
            with suppress(RunError):
                made = _read_study(path)
                is_same = replace(made, created_at=study.created_at) == study
                if is_same and made.created_at >= since:
                    return made.study_id
        return create_study(root, study)


def list_studies(root: Path) -> list[ReadingStudy]:
    """Every study below `root`, the newest first."""
    studies = [_read_study(path) for path in root.glob(f"*/{_STUDY}")]
    return sorted(studies, key=lambda study: study.created_at, reverse=True)


def find_study(root: Path, study_id: str) -> ReadingStudy:
    """The study of that id, which is only ever compared, never used to build a path."""
    for path in root.glob(f"*/{_STUDY}"):
        if path.parent.name == study_id:
            return _read_study(path)
    raise RunError("There is no such reader study here. It may have been deleted.")


def answers_of(root: Path, study: ReadingStudy) -> list[ReaderAnswer]:
    """Every answer so far; a last line still being written is left for the next look."""
    path = root / study.study_id / _ANSWERS
    if not path.exists():
        return []
    try:
        return read_records(path, ReaderAnswer)
    except RunError as error:
        raise RunError(f"The answers of “{study.title}” cannot be read: {error}") from None


def lock_answer(root: Path, study: ReadingStudy, answer: ReaderAnswer) -> None:
    """Append `answer`. One given is given: a second for the same case and phase is refused."""
    if not 0 <= answer.score <= MOST:
        raise ConfigError(f"The answer is {answer.score}; it must be between 0 and {MOST}.")
    for question in study.asks:
        if not answer.answers(question):
            raise ConfigError(f"This study also asks for the {question}. Answer it, then lock.")
    given = {
        (one.case_id, one.phase) for one in answers_of(root, study) if one.reader == answer.reader
    }
    if (answer.case_id, answer.phase) in given:
        raise RunError("This answer is locked already; it cannot be changed.")
    if answer.phase is Phase.AIDED and (answer.case_id, Phase.UNAIDED) not in given:
        raise RunError("The answer without AI comes first.")
    append_record(root / study.study_id / _ANSWERS, answer)


def first_shown(root: Path, study: ReadingStudy, showing: Showing) -> float:
    """When this was first shown to that reader, in whichever tab; now, where it never was."""
    path = root / study.study_id / _SHOWN
    try:
        known = read_records(path, Showing) if path.exists() else []
    except RunError as error:
        raise RunError(
            f"When the cases of “{study.title}” were shown cannot be read: {error} The answers are "
            "whole."
        ) from None
    for one in known:
        if replace(one, shown_at=showing.shown_at) == showing:
            return one.shown_at
    append_record(path, showing)
    return showing.shown_at


def next_step(
    study: ReadingStudy, answers: Sequence[ReaderAnswer], reader: str
) -> tuple[StudyCase, Phase] | None:
    """What `reader` has to answer next; None when all is answered."""
    given = {(one.case_id, one.phase) for one in answers if one.reader == reader}
    for case in study.order_for(reader):
        for phase in (Phase.UNAIDED, Phase.AIDED):
            if (case.case_id, phase) not in given:
                return case, phase
    return None


def imrmc_table(study: ReadingStudy, answers: Sequence[ReaderAnswer]) -> pd.DataFrame:
    """`reader, case, modality, score, truth`, as iMRMC names them; truth 1, 0, or missing. What
    else was asked follows in columns of its own.

    The model is a reader of its own, once per case, where it gave a score.
    """
    by_id = {case.case_id: case for case in study.cases}
    known = [one for one in answers if one.case_id in by_id]
    rows = [
        {
            **_row(one.reader, by_id[one.case_id], one.phase, float(one.score)),
            "recalled": _as_number(one.recalled),
            "birads": one.birads,
            "density": one.density,
        }
        for one in known
    ]
    model = {one.case_id: one for one in known if one.model_score is not None}
    rows += [
        {
            **_row("model", by_id[case_id], "model alone", MOST * (one.model_score or 0.0)),
            "recalled": _as_number(one.model_called),
            "birads": "",
            "density": one.model_density,
        }
        for case_id, one in model.items()
    ]
    asked = [column for question, column in _COLUMNS.items() if question in study.asks]
    table = pd.DataFrame(rows, columns=["reader", "case", "modality", "score", "truth", *asked])
    numbers = {"truth": "Int64", "recalled": "Int64"}
    return table.astype({name: kind for name, kind in numbers.items() if name in table})


_COLUMNS: Final = {
    Question.RECALL: "recalled",
    Question.BIRADS: "birads",
    Question.DENSITY: "density",
}


def _as_number(told: bool | None) -> int | None:
    return None if told is None else int(told)


def _row(reader: str, case: StudyCase, modality: str, score: float) -> dict[str, object]:
    return {
        "reader": reader,
        "case": case.name,
        "modality": str(modality),
        "score": score,
        "truth": None if case.truth is None else int(case.truth),
    }


def _read_study(path: Path) -> ReadingStudy:
    try:
        return from_document(
            json.loads(path.read_text(encoding="utf-8")), ReadingStudy, where=_STUDY
        )
    except (ValueError, RecursionError, ConfigError) as error:
        raise RunError(
            f"The reader study {path.parent.name} cannot be read: {damage_in_words(error)}. Put "
            f"{path.name} back from a copy; the answers given so far are whole."
        ) from None
