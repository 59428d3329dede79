from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.reports.study.report import Format, study_text
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import OPENINGS_FILE as LOOKS
from mammo_core.runs.operating_points import POINTS_FILE as LOCKS
from mammo_core.runs.operating_points import LockedPoint, Promise, lock_point, note_opening
from mammo_core.types import Level
from tests.predictions import made_up_predictions, write_run
from tests.reports.made_up_study import RUN, change_card
from tests.reports.test_study_report import write_evaluation

CHOSE_NOTHING = "Test women chose nothing"


def markdown_of(run: RunFolder) -> str:
    root = run.path.parent
    now = "2026-01-09T12:00:00+00:00"
    text = study_text(run, [root], audits=root, form=Format.MARKDOWN, by="a test", now=now)
    return text.replace("\\", "")


def lock(run: RunFolder, at: str, *, split: str = "val") -> None:
    point = LockedPoint(
        threshold=0.5, level=Level.BREAST, pooling="max", calibration="none", split=split,
        dataset="made-up women", aim="a test", locked_at=at, card_sha256=card_hash(run),
        promise=Promise(found=4, positives=4, left_alone=0, negatives=20),
    )  # fmt: skip
    lock_point(run, point)


def test_test_women_chose_nothing_where_the_lock_came_before_every_look(study: RunFolder) -> None:
    lock(study, "2026-01-02T12:00:00+00:00")
    note_opening(study, by="a test", now="2026-01-03T12:00:00+00:00")
    text = markdown_of(study)
    assert text.count(CHOSE_NOTHING) == 4
    assert "Locked 2026-01-02 12:00 (UTC) on val, lock number 1; no look at the test set is" in text


@pytest.mark.slow
def test_looks_before_the_lock_in_force_are_counted_and_nothing_is_claimed(
    study: RunFolder,
) -> None:
    for day in ("02", "03"):
        lock(study, f"2026-01-{day}T12:00:00+00:00")
        note_opening(study, by="a test", now=f"2026-01-{day}T13:00:00+00:00")
        note_opening(study, by="a test", now=f"2026-01-{day}T13:10:00+00:00")
    lock(study, "2026-01-04T12:00:00+00:00")
    text = markdown_of(study)
    assert CHOSE_NOTHING not in text
    assert "lock number 3; the test set had been opened on 2 occasions before" in text
    assert "had been opened on 2 occasions before the threshold was locked" in text


@pytest.mark.slow
def test_a_look_at_another_model_of_the_same_women_is_a_look(study: RunFolder) -> None:
    other = write_run(study.path.parent, f"{RUN}-twin", made_up_predictions(women=4))
    card = read_card(study.file("model_card.json"))
    change_card(other, replace(card, weights_sha256="a" * 64))
    note_opening(other, by="a test", now="2026-01-01T12:00:00+00:00")
    lock(study, "2026-01-02T12:00:00+00:00")
    text = markdown_of(study)
    assert CHOSE_NOTHING not in text
    assert "on 1 occasion before, other models of the same women included" in text


@pytest.mark.slow
def test_without_a_lock_and_with_one_on_test_women_nothing_is_claimed(study: RunFolder) -> None:
    assert "No threshold is locked; the test results were opened on 1" in markdown_of(study)
    lock(study, "2025-01-01T12:00:00+00:00", split="test")
    text = markdown_of(study)
    assert CHOSE_NOTHING not in text
    assert "chosen on test women: their results flatter it" in text


@pytest.mark.slow
def test_a_damaged_log_of_locks_costs_the_threshold_alone(study: RunFolder) -> None:
    lock(study, "2026-01-02T12:00:00+00:00")
    with study.file(LOCKS).open("a") as stream:
        stream.write('{"threshold": 0.\n')
    text = markdown_of(study)
    assert f"line 2 of {LOCKS} in the folder {RUN} was cut short or damaged" in text
    assert "Which threshold is in force is not known: its log" in text
    assert "AUC by breast" in text
    assert CHOSE_NOTHING not in text


@pytest.mark.slow
def test_a_damaged_log_of_looks_costs_the_count_alone(study: RunFolder) -> None:
    lock(study, "2026-01-02T12:00:00+00:00")
    study.file(LOOKS).write_text("{\n")
    text = markdown_of(study)
    assert "lock number 1; how often the test set had been opened before is not known" in text
    assert f"line 1 of {LOOKS}" in text
    assert CHOSE_NOTHING not in text


@pytest.mark.slow
def test_of_an_evaluation_the_looks_at_its_own_results_count(
    study: RunFolder, study_folder: Path
) -> None:
    note_opening(study, by="a test", now="2026-01-01T12:00:00+00:00")
    lock(study, "2026-01-02T12:00:00+00:00")
    text = markdown_of(write_evaluation(study, study_folder))
    assert "lock number 1; no look at the test set is recorded before" in text
    assert "Test results had been opened on 1 occasion before the threshold was locked" in text
