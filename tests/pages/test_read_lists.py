"""Read: several cases at once, and reader studies of them."""

import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.archive.listed import Archive, add_archive
from mammo_core.cli import main
from mammo_core.files import archives_file, cases_root, samples_root, studies_root
from mammo_core.listing import ListedCase
from mammo_core.metrics.mrmc import Readers
from mammo_core.preprocessing.cases import Case, load_case
from mammo_core.runs.reader_study import (
    Phase,
    Question,
    ReaderAnswer,
    ReadingStudy,
    StudyCase,
    answers_of,
    create_study,
    list_studies,
)
from mammo_core.runs.sidecars import append_record
from mammo_core.types import Level
from pages.components.read.listed import mark_of
from pages.components.read.pictures import Layer, show_pictures
from pages.components.shared.caselist.origin import KnownTruth, keep_truth
from tests.pages.conftest import OpenPage, score_rows
from tests.pages.test_read import a_breast, captions, choose, drop, lock, own_copy


@pytest.fixture
def worklist(open_page: OpenPage) -> AppTest:
    """An exam of two views and a picture: two cases."""
    page = open_page("read")
    exam = sorted(samples_root().glob("exam_R_*"))
    drop(page, *((path.name, path.read_bytes()) for path in exam), ("DOE.png", a_breast()))
    return page


def texts(page: AppTest) -> str:
    """Everything a reader can read on the page."""
    kinds = (page.caption, page.markdown, page.info, page.warning, page.text)
    return " ".join(element.value for kind in kinds for element in kind)


def listed(page: AppTest) -> list[dict[str, Any]]:
    """The rows of the case list as they are told the browser."""
    (message,) = (
        one.proto.bytes
        for one in page.sidebar.get("bidi_component")
        if one.proto.component_name == "mammo_case_list"
    )
    (length,) = struct.unpack_from("<I", message)
    rows: list[dict[str, Any]] = json.loads(message[4 : 4 + length])["cases"]
    return rows


def open_row(page: AppTest, row: int) -> None:
    """As a click on a row does, and J and K."""
    page.session_state["read_cases_opened"] = listed(page)[row]["key"]
    page.run(timeout=60)
    assert not page.exception, page.exception


def make_study(page: AppTest) -> None:
    page.text_input(key="study_title").set_value("Pilot")
    page.button(key="make_study").click().run(timeout=60)
    assert not page.exception, page.exception


def sign_in(page: AppTest, reader: str) -> None:
    page.text_input(key="reader").set_value(reader).run(timeout=60)
    assert not page.exception, page.exception


def answer(page: AppTest, score: int) -> None:
    page.number_input[0].set_value(score)
    (recalled,) = (one for one in page.segmented_control if one.label == "Recall her?")
    recalled.set_value("yes" if score >= 50 else "no")
    page.button(key="lock_answer").click().run(timeout=60)
    assert not page.exception, page.exception


@pytest.mark.slow
def test_two_exams_become_a_list_with_a_score_each_and_the_first_is_open(
    worklist: AppTest,
) -> None:
    rows = listed(worklist)
    assert [row["facts"]["images"] for row in rows] == [2, 1]
    assert all(0.0 <= row["score"] <= 1.0 for row in rows)
    assert "".join(worklist.query_params["case"]) == rows[0]["key"]
    assert [row["title"] for row in rows] == [
        "exam_R_CC_explicit-little-endian.dcm and 1 more",
        "DOE.png",
    ]


def test_a_row_opens_its_case_which_is_scored_already_and_so_drawn_once(
    worklist: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [row["title"] for row in score_rows(worklist)] == ["Right breast"]
    drawn: list[int] = []

    def drawing(case: Case, layers: Sequence[Layer], **how: Any) -> None:
        drawn.append(len(layers))
        show_pictures(case, layers, **how)

    monkeypatch.setattr("pages.components.read.workspace.show_pictures", drawing)
    open_row(worklist, 1)
    assert drawn == [1]
    assert [row["title"] for row in score_rows(worklist)] == ["DOE.png"]
    assert "".join(worklist.query_params["case"]) == listed(worklist)[1]["key"]
    assert len(listed(worklist)) == 2


@pytest.mark.slow
def test_the_list_follows_the_threshold_in_force(open_page: OpenPage, runs_root: Path) -> None:
    run = own_copy(runs_root)
    page = open_page("read")
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()), ("b.png", a_breast(turn=True)))
    split = page.button_group(key="split_off")
    split.set_value([split.options[1]]).run(timeout=60)
    page.button(key="split_case").click().run(timeout=120)
    assert ["threshold" in row["facts"] for row in listed(page)] == [False, False]
    for threshold, side in ((0.0, "above"), (1.0, "below")):
        lock(run, threshold, level=Level.IMAGE)
        page.run(timeout=120)
        assert [row["facts"]["threshold"] for row in listed(page)] == [side, side]


def test_a_threshold_is_marked_in_the_list_where_it_judges_every_score_as_it_stands_there(
    runs_root: Path,
) -> None:
    run = own_copy(runs_root)
    above, below, unjudged = (
        ListedCase(key=name, title=name, score=score, facts=facts)
        for name, score, facts in (
            ("a", 0.7, {"threshold": "above"}),
            ("b", 0.2, {"threshold": "below"}),
            ("c", 0.9, {}),  # of no known side, and the threshold is one of breasts
        )
    )
    assert mark_of([above, below], run) is None
    lock(run, 0.5, level=Level.BREAST)
    assert mark_of([above, below], run) == 0.5
    assert mark_of([above, below, unjudged], run) is None
    assert mark_of([above], None) is None


@pytest.mark.slow
@pytest.mark.parametrize("unknown", ["scores_of_cases", "read_in_this_session"])
def test_the_search_of_an_archive_stays_open_where_a_case_has_still_to_be_scored(
    worklist: AppTest, unknown: str
) -> None:
    add_archive(archives_file(), Archive(name="here", dicomweb="http://127.0.0.1:9/dicom-web"))
    open_row(worklist, 1)  # the other is a sample, whose reading is kept with the checkpoint
    worklist.session_state[unknown] = {}
    worklist.button(key="from_archive").click().run(timeout=60)
    assert not worklist.exception
    assert "archive_name" in [one.key for one in worklist.selectbox]


@pytest.mark.slow
def test_what_was_dropped_before_stays_in_the_list(worklist: AppTest) -> None:
    before = [row["key"] for row in listed(worklist)]
    drop(worklist, ("new.png", a_breast(turn=True)))
    keys = [row["key"] for row in listed(worklist)]
    assert set(before) < set(keys)
    assert len(keys) == 3


@pytest.mark.slow
def test_joined_cases_that_share_an_image_keep_each_name_on_its_own_image(
    open_page: OpenPage,
) -> None:
    page = open_page("read")
    files = [(f"{peak}.png", a_breast(peak=peak)) for peak in (250, 240, 230)]
    drop(page, files[0], files[1])
    drop(page, files[0], files[2])
    page.selectbox(key="join_with").select_index(0).run(timeout=60)
    page.button(key="join_cases").click().run(timeout=120)
    assert not page.exception
    case = load_case(cases_root(), "".join(page.query_params["case"]))
    names = page.session_state["names_of_files"][case.case_id]
    assert names == {hashlib.sha256(content).hexdigest(): name for name, content in files}
    assert sorted(page.button_group(key="split_off").options) == ["230.png", "240.png", "250.png"]


@pytest.mark.slow
def test_a_broken_file_is_in_the_list_with_its_reason_and_opens_its_case(
    worklist: AppTest,
) -> None:
    drop(worklist, ("letter.dcm", b"Dear colleague"), ("good.png", a_breast(turn=True)))
    (broken,) = (row for row in listed(worklist) if row["problem"])
    assert broken["title"] == "letter.dcm"
    assert len(broken["problem"]) > 20
    open_row(worklist, listed(worklist).index(broken))
    assert "".join(worklist.query_params["case"]) == broken["key"].partition(" ")[0]


@pytest.mark.slow
def test_a_case_that_is_gone_costs_its_row_alone(worklist: AppTest, tmp_path: Path) -> None:
    cases = tmp_path / "home" / "cases"
    for folder in cases.iterdir():
        if len(list(folder.glob("*.pixels.npy"))) == 1:
            (folder / "case.json").unlink()
    worklist.run(timeout=60)
    assert ["no longer kept" in row["problem"] for row in listed(worklist)] == [False, True]


def test_a_reload_finds_the_cases_again_that_were_opened_one_after_another(
    open_page: OpenPage, example: Path
) -> None:
    both = ["f" * 64, example.name]
    known = KnownTruth(truth="cancer", is_positive=True)  # opened from a list of a data set
    keep_truth(load_case(cases_root(), example.name), known)
    page = open_page("read")
    page.session_state["cases_of_session"] = both[:1]
    page.query_params["case"] = both[1]
    page.run(timeout=60)
    again = open_page("read")  # another session, with the address alone
    for name in ("case", "list"):
        again.query_params[name] = page.query_params[name]
    again.run(timeout=60)
    assert not again.exception
    assert [row["key"] for row in listed(again)] == both
    told = [(row["truth"], row["isPositive"]) for row in listed(again)]
    assert told == [("", None), ("cancer", True)]


def test_a_list_that_is_unknown_is_told(open_page: OpenPage) -> None:
    page = open_page("read")
    page.query_params["list"] = "../../etc/passwd"
    page.run()
    assert not page.exception
    assert "does not name a list" in page.error[0].value


def test_until_the_answer_is_locked_a_reader_sees_the_images_and_nothing_else(
    worklist: AppTest,
) -> None:
    make_study(worklist)
    sign_in(worklist, "A")
    assert not score_rows(worklist)
    assert not worklist.dataframe
    assert not worklist.selectbox
    assert not worklist.get("download_button")
    shown = texts(worklist)
    for hidden in ("Score", "heatmap", "egion", "DOE", "exam_", "phantom", "alike", "unlike"):
        assert hidden not in shown, hidden


def test_the_model_is_shown_after_the_first_answer_and_both_answers_are_kept(
    worklist: AppTest,
) -> None:
    make_study(worklist)
    sign_in(worklist, "A")
    answer(worklist, 30)
    assert score_rows(worklist)
    assert "not the borders of a tumour" in captions(worklist)
    assert "Your answer without AI: **30** of 100." in captions(worklist)
    answer(worklist, 80)
    assert not score_rows(worklist)
    (study,) = list_studies(studies_root())
    kept = answers_of(studies_root(), study)
    assert [(one.phase, one.score) for one in kept] == [(Phase.UNAIDED, 30), (Phase.AIDED, 80)]
    assert kept[0].model_score is None
    assert kept[1].model_score is not None
    assert [one.recalled for one in kept] == [False, True]


@pytest.mark.slow
def test_an_answer_without_the_recall_decision_is_not_locked(worklist: AppTest) -> None:
    make_study(worklist)
    sign_in(worklist, "A")
    worklist.number_input[0].set_value(30)
    worklist.button(key="lock_answer").click().run(timeout=60)
    assert "also asks for the recall decision" in worklist.error[0].value
    (study,) = list_studies(studies_root())
    assert answers_of(studies_root(), study) == []


def write_answers(study: ReadingStudy) -> None:
    """Of three readers on sixty cases that nobody can open: only what they said is looked at."""
    for reader, shift in (("A", 0), ("B", 3), ("C", 6)):
        for number, case in enumerate(study.cases):
            for phase in Phase:
                gain = 15 * (phase is Phase.AIDED) * (1 if case.truth else -1)
                score = 50 + (number * 7 + shift) % 23 - 12 + gain + (6 if case.truth else -6)
                told = ReaderAnswer(
                    reader=reader, case_id=case.case_id, phase=phase, score=score,
                    seconds=1.0, answered_at="2026-01-01T00:00:00+00:00", weights_sha256="0" * 64,
                    recalled=score >= 50,
                )  # fmt: skip
                append_record(studies_root() / study.study_id / "answers.jsonl", told)


@pytest.mark.slow
def test_the_results_of_a_study_are_shown_to_whoever_runs_it_and_taken_away(
    open_page: OpenPage, tmp_path: Path
) -> None:
    study = ReadingStudy(
        title="Pilot", checkpoint="made-up", seed=0, created_at="2026-01-01T00:00:00+00:00",
        asks=(Question.RECALL,),
        cases=tuple(
            StudyCase(case_id=f"{n:064d}", name=f"case {n}", truth=n % 3 == 0) for n in range(60)
        ),
    )  # fmt: skip
    create_study(studies_root(), study)
    write_answers(study)
    page = open_page("read")
    page.query_params["study"] = study.study_id
    page.run()
    assert not page.dataframe
    page.toggle(key="study_results").set_value(True).run(timeout=60)
    assert not page.exception, page.exception
    assert "3 readers read 60 cases (women not known) both without AI and with AI" in captions(page)
    assert "20 with cancer, 40 without" in captions(page)
    assert "Sequential design" in captions(page)
    effects = page.dataframe[0].value
    assert [*effects["Figure"]] == ["AUC"] * 2 + ["sensitivity"] * 2 + ["specificity"] * 2
    assert [*effects["About"][:2]] == [str(Readers.RANDOM), str(Readers.FIXED)]
    labels = [one.proto.label for one in page.get("download_button")]
    assert labels[1:] == ["Report, HTML", "Report, Markdown", "Numbers, CSV"]
    sign_in(page, "A")
    assert not page.dataframe  # a reader who signs in sees nothing of it
    out = tmp_path / "pilot.csv"
    assert main(["readers", "Pilot", "--out", str(out)]) == 0
    told = pd.read_csv(out)
    (value,) = told[(told["of"] == "difference") & (told["about"] == str(Readers.RANDOM))
                    & (told["figure"] == "AUC")]["value"]  # fmt: skip
    assert f"{value:+.3f}" in effects["Difference"][0].replace("\\", "")


@pytest.mark.slow
def test_a_reload_between_the_answers_leads_back_to_where_one_was(
    worklist: AppTest, open_page: OpenPage
) -> None:
    make_study(worklist)
    sign_in(worklist, "A")
    answer(worklist, 30)
    again = open_page("read")
    again.query_params["study"] = worklist.query_params["study"]
    again.run()
    sign_in(again, "A")
    assert score_rows(again)


@pytest.mark.slow
def test_a_study_is_left_by_its_own_way_out(worklist: AppTest) -> None:
    make_study(worklist)
    sign_in(worklist, "A")
    worklist.button(key="leave_study").click().run()
    assert not worklist.exception
    assert "study" not in worklist.query_params
    assert "reader" not in worklist.query_params


def test_a_study_that_is_gone_can_be_left(open_page: OpenPage) -> None:
    page = open_page("read")
    page.query_params["study"] = "0" * 16
    page.run()
    assert "There is no such reader study" in page.error[0].value
    page.button(key="leave_study").click().run()
    assert not page.error
    assert page.file_uploader(key="dropped_files")


@pytest.mark.slow
def test_a_study_ends(worklist: AppTest) -> None:
    make_study(worklist)
    sign_in(worklist, "B")
    for score in (10, 20, 30, 40):
        answer(worklist, score)
    assert "Every case is answered" in worklist.success[0].value


def test_with_read_first_nothing_is_scored_before_the_answer(open_page: OpenPage) -> None:
    page = open_page("read")
    page.toggle(key="read_first").set_value(True).run()
    drop(page, ("a.png", a_breast()))
    assert not score_rows(page)
    assert "Score" not in texts(page)
    make_study(page)
    sign_in(page, "A")
    assert not score_rows(page)
    answer(page, 30)
    assert score_rows(page)
