import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.errors import ConfigError, RunError
from mammo_core.metrics.readers import read_study
from mammo_core.preprocessing.reading.cells import read_csv
from mammo_core.records import to_document
from mammo_core.runs.reader_study import (
    Phase,
    Question,
    ReaderAnswer,
    ReadingStudy,
    Showing,
    StudyCase,
    answers_of,
    create_once,
    create_study,
    find_study,
    first_shown,
    imrmc_table,
    list_studies,
    lock_answer,
    next_step,
)

STUDY = ReadingStudy(
    title="Pilot",
    cases=tuple(
        StudyCase(case_id=f"{number:064d}", name=f"case {number}", truth=number == 1)
        for number in range(1, 9)
    ),
    checkpoint="made-up",
    seed=3,
    created_at="2026-01-01T00:00:00+00:00",
)


def answer(case: StudyCase, phase: Phase, score: int, *, reader: str = "A") -> ReaderAnswer:
    return ReaderAnswer(
        reader=reader,
        case_id=case.case_id,
        phase=phase,
        score=score,
        seconds=12.5,
        answered_at="2026-01-01T00:01:00+00:00",
        weights_sha256="0" * 64,
        model_score=0.25,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create_study(tmp_path, STUDY)
    return tmp_path


def test_a_study_is_found_again(root: Path) -> None:
    assert find_study(root, STUDY.study_id) == STUDY
    assert list_studies(root) == [STUDY]


@pytest.mark.parametrize("name", ["", "..", "../../etc", "0" * 16])
def test_no_other_name_finds_one(root: Path, name: str) -> None:
    with pytest.raises(RunError, match="no such reader study"):
        find_study(root, name)


def test_the_same_study_made_a_moment_ago_is_taken_and_any_other_is_made(root: Path) -> None:
    later = replace(STUDY, created_at="2026-01-01T00:00:30+00:00")
    assert create_once(root, later, since=STUDY.created_at) == STUDY.study_id
    other = replace(later, title="Another")
    assert create_once(root, other, since=STUDY.created_at) == other.study_id
    assert create_once(root, later, since=later.created_at) == later.study_id
    assert len(list_studies(root)) == 3


def test_a_damaged_study_keeps_no_other_from_being_made(root: Path) -> None:
    (root / STUDY.study_id / "study.json").write_text("{", encoding="utf-8")
    assert create_once(root, STUDY, since=STUDY.created_at) == STUDY.study_id
    assert list_studies(root) == [STUDY]


def test_when_a_case_was_first_shown_is_kept_for_each_reader_and_phase(root: Path) -> None:
    def shown(now: float, phase: Phase = Phase.UNAIDED, reader: str = "A") -> float:
        case = STUDY.cases[0].case_id
        showing = Showing(reader=reader, case_id=case, phase=phase, shown_at=now)
        return first_shown(root, STUDY, showing)

    assert (shown(100.0), shown(160.0)) == (100.0, 100.0)
    assert shown(170.0, Phase.AIDED) == 170.0
    assert shown(180.0, reader="B") == 180.0
    assert shown(190.0) == 100.0


def test_times_that_cannot_be_read_are_told_and_none_is_made_up(root: Path) -> None:
    (root / STUDY.study_id / "shown.jsonl").write_text("no time\n", encoding="utf-8")
    showing = Showing(
        reader="A", case_id=STUDY.cases[0].case_id, phase=Phase.UNAIDED, shown_at=1.0
    )  # fmt: skip
    with pytest.raises(RunError, match="“Pilot” were shown cannot be read"):
        first_shown(root, STUDY, showing)


def test_each_reader_has_an_order_of_his_own_and_keeps_it() -> None:
    first, second = STUDY.order_for("A"), STUDY.order_for("B")
    assert first == STUDY.order_for("A")
    assert first != second
    assert set(first) == set(second) == set(STUDY.cases)
    assert replace(STUDY, seed=4).order_for("A") != first


def test_each_case_is_answered_without_ai_and_then_with_it(root: Path) -> None:
    steps = []
    while (step := next_step(STUDY, answers_of(root, STUDY), "A")) is not None:
        steps.append(step)
        lock_answer(root, STUDY, answer(*step, 50))
    assert len(steps) == 16
    assert [case for case, _ in steps[::2]] == list(STUDY.order_for("A"))
    assert [phase for _, phase in steps[:2]] == [Phase.UNAIDED, Phase.AIDED]


def test_a_locked_answer_cannot_be_given_again(root: Path) -> None:
    case = STUDY.cases[0]
    lock_answer(root, STUDY, answer(case, Phase.UNAIDED, 20))
    with pytest.raises(RunError, match="locked already"):
        lock_answer(root, STUDY, answer(case, Phase.UNAIDED, 90))
    assert [one.score for one in answers_of(root, STUDY)] == [20]


def test_the_answer_with_ai_cannot_come_first(root: Path) -> None:
    with pytest.raises(RunError, match="comes first"):
        lock_answer(root, STUDY, answer(STUDY.cases[0], Phase.AIDED, 20))


def test_an_answer_off_the_scale_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match="between 0 and 100"):
        lock_answer(root, STUDY, answer(STUDY.cases[0], Phase.UNAIDED, 101))


def test_the_table_has_both_answers_side_by_side_and_the_model_as_a_reader() -> None:
    case = STUDY.cases[0]
    table = imrmc_table(STUDY, [answer(case, Phase.UNAIDED, 20), answer(case, Phase.AIDED, 60)])
    assert list(table.columns) == ["reader", "case", "modality", "score", "truth"]
    assert table.to_numpy().tolist() == [
        ["A", "case 1", "without AI", 20.0, 1],
        ["A", "case 1", "with AI", 60.0, 1],
        ["model", "case 1", "model alone", 25.0, 1],
    ]


def test_what_a_study_also_asks_must_be_answered_and_is_in_the_table(tmp_path: Path) -> None:
    study = replace(STUDY, asks=tuple(Question))
    create_study(tmp_path, study)
    assert find_study(tmp_path, study.study_id) == study
    first = replace(answer(study.cases[0], Phase.UNAIDED, 20), recalled=False, birads="2")
    with pytest.raises(ConfigError, match="also asks for the density"):
        lock_answer(tmp_path, study, first)
    lock_answer(tmp_path, study, replace(first, density="C"))
    with pytest.raises(ConfigError, match="also asks for the recall decision"):
        lock_answer(tmp_path, study, answer(study.cases[0], Phase.AIDED, 60))
    second = replace(
        answer(study.cases[0], Phase.AIDED, 60), recalled=True, birads="4A", model_called=True,
        model_density="B",
    )  # fmt: skip
    lock_answer(tmp_path, study, second)
    table = imrmc_table(study, answers_of(tmp_path, study))
    assert table[["reader", "recalled", "birads", "density"]].to_numpy().tolist() == [
        ["A", 0, "2", "C"],
        ["A", 1, "4A", ""],  # density is asked once
        ["model", 1, "", "B"],
    ]
    read = read_study(read_csv(table.to_csv(index=False).encode()))
    assert read.reads["recalled"].tolist() == [0.0, 1.0]
    assert read.model["density"].tolist() == ["B"]


def test_a_study_from_before_more_was_asked_keeps_its_id() -> None:
    document = {name: value for name, value in to_document(STUDY).items() if name != "asks"}
    text = json.dumps(document, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest().startswith(STUDY.study_id)
    assert replace(STUDY, asks=(Question.RECALL,)).study_id != STUDY.study_id


def test_an_unknown_truth_stays_unknown() -> None:
    study = replace(STUDY, cases=(replace(STUDY.cases[0], truth=None),))
    table = imrmc_table(study, [answer(study.cases[0], Phase.UNAIDED, 20)])
    assert table["truth"].isna().all()
