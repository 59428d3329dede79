from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage
from tests.predictions import made_up_predictions, write_run

RUN = "20260101-000000-tiny_cnn-abcd"


def metrics_of(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def captions_of(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def test_a_threshold_of_zero_calls_everybody(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    page = open_page("thresholds")
    page.slider(key="threshold").set_value(0.0).run()
    assert metrics_of(page)["Sensitivity (recall)"] == "100.0%"
    assert metrics_of(page)["Recall rate"] == "100.0%"
    assert metrics_of(page)["PPV"] == "12.5%"  # 10 of 80 breasts


def test_the_first_threshold_finds_at_least_nine_of_ten_cancers(
    runs_root: Path, open_page: OpenPage
) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    found = metrics_of(open_page("thresholds"))["Sensitivity (recall)"]
    assert found in ("90.0%", "100.0%")


def test_the_unit_decides_how_many_cases_there_are(runs_root: Path, open_page: OpenPage) -> None:
    write_run(runs_root, RUN, made_up_predictions(women=40, with_cancer=10))
    page = open_page("thresholds")
    assert "80 cases of 40 women, 10 with cancer" in captions_of(page)
    page.segmented_control(key="count_level").set_value("image").run()
    assert "160 cases of 40 women, 20 with cancer" in captions_of(page)


def test_an_uploaded_table_is_judged_without_any_run(open_page: OpenPage) -> None:
    page = open_page("thresholds")
    table = made_up_predictions(women=30, with_cancer=10).drop(columns="model_id")
    page.file_uploader(key="upload").set_value(("scores.csv", table.to_csv().encode(), "text/csv"))
    page.run()
    assert not page.exception
    assert metrics_of(page)["Sensitivity (recall)"]


def test_logits_in_an_upload_are_told_in_words(open_page: OpenPage) -> None:
    page = open_page("thresholds")
    table = made_up_predictions(women=30, with_cancer=10)
    table["score"] = table["score"] * 10
    page.file_uploader(key="upload").set_value(("scores.csv", table.to_csv().encode(), "text/csv"))
    page.run()
    assert "were logits saved" in page.error[0].value
