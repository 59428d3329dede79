"""Reader studies in the report of the model that readers were shown."""

from pathlib import Path

import pytest

from mammo_core.reports.study.report import Format, study_text
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.reader_study import (
    Phase,
    Question,
    ReaderAnswer,
    ReadingStudy,
    StudyCase,
    create_study,
)
from mammo_core.runs.sidecars import append_record
from tests.predictions import made_up_predictions, write_run

RUN = "20260101-000000-tiny_cnn-made"
NOON = "2026-01-02T12:00:00+00:00"


def keep_study(studies: Path, checkpoint: str, *, cases: int) -> None:
    study = ReadingStudy(
        title="Pilot", checkpoint=checkpoint, seed=0, created_at=NOON, asks=(Question.RECALL,),
        cases=tuple(
            StudyCase(case_id=f"{n:064d}", name=f"c{n}", truth=n % 2 == 0) for n in range(cases)
        ),
    )  # fmt: skip
    create_study(studies, study)
    for place, reader in enumerate(("A", "B", "C")):
        for number, case in enumerate(study.cases):
            for phase in Phase:
                score = 45 + (number * 7 + 3 * place) % 19 + 4 * (phase is Phase.AIDED)
                told = ReaderAnswer(
                    reader=reader, case_id=case.case_id, phase=phase, score=score, seconds=1.0,
                    answered_at=NOON, weights_sha256="0" * 64, recalled=score >= 52,
                )  # fmt: skip
                append_record(studies / study.study_id / "answers.jsonl", told)


def report_of(run: RunFolder, studies: Path) -> str:
    root = run.path.parent
    return study_text(
        run, [root], audits=root / "audits", form=Format.MARKDOWN, by="a test", now=NOON,
        studies=studies,
    )  # fmt: skip


@pytest.mark.slow
def test_a_study_of_the_model_is_in_its_report_and_those_of_others_are_not(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", RUN, made_up_predictions())
    studies = tmp_path / "studies"
    keep_study(studies, "another", cases=30)
    assert "Reader studies" not in report_of(run, studies)
    keep_study(studies, RUN, cases=30)
    text = report_of(run, studies)
    assert "## Reader studies" in text
    assert "3 readers read 30 cases (women not known) both without AI and with AI" in text
    assert "random readers, random cases" in text
    assert "| recall | A and B | without AI |" in text


def test_a_study_that_is_too_small_says_so_in_the_report(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", RUN, made_up_predictions())
    keep_study(tmp_path / "studies", RUN, cases=8)
    text = report_of(run, tmp_path / "studies")
    assert "below 10 of either" in text
    assert "“Pilot” of 2 Jan 2026, 48 answers:" in text
