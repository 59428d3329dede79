from pathlib import Path

from streamlit.testing.v1 import AppTest

from mammo_core.runs.operating_points import openings_of
from tests.pages.conftest import OpenPage, show_section
from tests.predictions import made_up_predictions, write_run


def reports_shown(open_page: OpenPage) -> AppTest:
    page = open_page("compare")
    show_section(page, "Report")
    assert not page.exception
    return page


def test_a_report_is_offered_once_it_is_made(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, "20260101-000000-tiny_cnn-aaaa", made_up_predictions())
    page = reports_shown(open_page)
    assert not page.get("download_button")
    page.selectbox(key="report_as").set_value("Study report, Markdown").run()
    page.button(key="report_make").click().run(timeout=60)
    assert not page.exception
    assert [one.proto.label for one in page.get("download_button")] == [
        "Download the study report (md)"
    ]


def test_what_a_report_cannot_use_is_a_sentence(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, "20260101-000000-tiny_cnn-aaaa", made_up_predictions())
    page = reports_shown(open_page)
    run.file("fidelity.json").write_text("no JSON")
    page.button(key="report_make").click().run(timeout=60)
    assert not page.exception
    assert "fidelity.json" in page.error[0].value


def test_a_visit_to_test_results_is_one_look(runs_root: Path, open_page: OpenPage) -> None:
    run = write_run(runs_root, "20260101-000000-tiny_cnn-aaaa", made_up_predictions())
    page = open_page("thresholds")
    page.run()
    page.switch_page("pages/compare.py").run()
    assert len(openings_of(run)) == 1


def test_looking_at_validation_is_no_look_at_the_test_set(
    runs_root: Path, open_page: OpenPage
) -> None:
    validation = made_up_predictions().assign(split="val")
    run = write_run(runs_root, "20260101-000000-tiny_cnn-aaaa", validation)
    open_page("thresholds")
    assert openings_of(run) == []
