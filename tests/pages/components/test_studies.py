"""A reader study is made of the cases that stand together, and asked of one case after another."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.files import studies_root
from mammo_core.preprocessing.cases import Case
from mammo_core.runs.reader_study import (
    ReadingStudy,
    StudyCase,
    answers_of,
    create_study,
    list_studies,
)

MODEL = "phantom-light"


def page_of_start(ids: list[str]) -> None:
    """Without cases there is no table, as beside a case whose images cannot be read."""
    from mammo_core.runs.folder import find_checkpoint
    from pages.components.read.studies import show_study_start

    if ids:
        show_study_start(ids, find_checkpoint("phantom-light"))


def page_of_study() -> None:
    from pages.components.read.studies import show_study

    show_study()


def started(*cases: Case) -> AppTest:
    return of_cases(AppTest.from_function(page_of_start, default_timeout=60), *cases)


def of_cases(page: AppTest, *cases: Case) -> AppTest:
    page.args = ([case.case_id for case in cases],)
    page.run()
    assert not page.exception, page.exception
    return page


def tell(page: AppTest, row: int, truth: str) -> None:
    """As a choice in the table does; AppTest has none."""
    (table,) = page.dataframe
    edited = {"edited_rows": {str(row): {"Truth": truth}}, "added_rows": [], "deleted_rows": []}
    states = page._tree.get_widget_states()
    states.widgets.add(id=table.proto.id, string_value=json.dumps(edited))
    page._run(states)
    assert not page.exception, page.exception


def make(page: AppTest) -> ReadingStudy:
    page.text_input(key="study_title").set_value("Pilot")
    page.button(key="make_study").click().run()
    assert not page.exception, page.exception
    return list_studies(studies_root())[0]


def test_truths_that_were_told_stay_with_their_cases_whichever_others_come_and_go(
    kept: Callable[[bytes], Case],
) -> None:
    one, two, three = (kept(content) for content in (b"one", b"two", b"three"))
    page = started(one, two)
    tell(page, 0, "cancer")
    of_cases(page, one, two, three)
    tell(page, 2, "no cancer")
    of_cases(page)
    of_cases(page, three, one, two)
    truths = {case.case_id: case.truth for case in make(page).cases}
    assert truths == {one.case_id: True, two.case_id: None, three.case_id: False}


def test_no_truth_passes_to_the_case_that_takes_the_place_of_another(
    kept: Callable[[bytes], Case],
) -> None:
    one, two, three = (kept(content) for content in (b"one", b"two", b"three"))
    page = started(one, two)
    tell(page, 0, "cancer")
    of_cases(page, two, three)
    assert [case.truth for case in make(page).cases] == [None, None]


def test_a_truth_that_is_taken_back_is_unknown_again(kept: Callable[[bytes], Case]) -> None:
    one, two = kept(b"one"), kept(b"two")
    page = started(one, two)
    tell(page, 0, "cancer")
    tell(page, 0, "unknown")
    of_cases(page, two)
    of_cases(page, one, two)
    assert [case.truth for case in make(page).cases] == [None, None]


@pytest.mark.parametrize(("seconds", "number"), [(1, 1), (600, 2)])
def test_an_impatient_second_click_makes_no_second_study(
    kept: Callable[[bytes], Case], seconds: int, number: int
) -> None:
    page = started(kept(b"one"), kept(b"two"))
    study = make(page)
    (studies_root() / study.study_id / "study.json").unlink()
    before = datetime.fromisoformat(study.created_at) - timedelta(seconds=seconds)
    first = create_study(studies_root(), replace(study, created_at=before.isoformat()))
    make(of_cases(page, *(kept(b"one"), kept(b"two"))))
    assert len(list_studies(studies_root())) == number
    assert ("".join(page.query_params["study"]) == first) is (number == 1)


def test_the_time_of_an_answer_counts_from_when_its_case_was_first_shown_in_any_tab(
    kept: Callable[[bytes], Case],
) -> None:
    study = pilot(kept(b"one"))
    signed_in(study)
    seen_at = time.time()
    time.sleep(1.0)
    page = signed_in(study)
    waited = time.time() - seen_at
    page.number_input[0].set_value(30)
    page.button(key="lock_answer").click().run(timeout=120)
    assert not page.exception, page.exception
    (told,) = answers_of(studies_root(), study)
    assert told.seconds >= round(waited, 1)


def test_a_log_of_times_that_is_damaged_shuts_no_study(kept: Callable[[bytes], Case]) -> None:
    study = pilot(kept(b"one"))
    (studies_root() / study.study_id / "shown.jsonl").write_text("{\n{}\n", encoding="utf-8")
    page = signed_in(study)
    assert any("The answers are whole" in one.value for one in page.caption)
    page.number_input[0].set_value(30)
    page.button(key="lock_answer").click().run(timeout=120)
    assert not page.exception, page.exception
    assert len(answers_of(studies_root(), study)) == 1


def pilot(case: Case) -> ReadingStudy:
    study = ReadingStudy(
        title="Pilot", cases=(StudyCase(case_id=case.case_id, name="case 1"),),
        checkpoint=MODEL, seed=0, created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    create_study(studies_root(), study)
    return study


def signed_in(study: ReadingStudy) -> AppTest:
    """A tab of its own, as after a reload."""
    page = AppTest.from_function(page_of_study, default_timeout=60)
    page.query_params["study"] = study.study_id
    page.run()
    page.text_input(key="reader").set_value("A").run()
    assert not page.exception, page.exception
    assert page.number_input
    return page
