from pathlib import Path

from tests.pages.conftest import OpenPage
from tests.predictions import made_up_predictions, write_run

GOOD = "20260101-000000-good-abcd"
GUESSING = "20260101-000001-guess-abcd"


def test_the_better_model_stands_first(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(skill=0.0, seed=1))
    write_run(runs_root, GOOD, made_up_predictions(skill=3.0, seed=2))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    table = page.dataframe[0].value
    assert table["model"].tolist() == [GOOD, GUESSING]
    assert table["with cancer"].tolist() == [20, 20]
    assert (table["95 % from"] < table["AUC"]).all()
    assert "same 120 cases" in page.success[0].value


def test_models_with_different_cases_are_compared_on_what_both_have(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(women=60))
    write_run(runs_root, GOOD, made_up_predictions(women=50))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert "100 cases that all have" in page.warning[0].value
    assert f"20 of {GUESSING}" in page.warning[0].value


def test_models_of_two_data_sets_are_not_compared(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, GUESSING, made_up_predictions(dataset="one"))
    write_run(runs_root, GOOD, made_up_predictions(dataset="another"))
    page = open_page("compare")
    page.multiselect(key="models").set_value([GUESSING, GOOD]).run()
    assert "different cases" in page.error[0].value
