"""A checkpoint from another computer: no settings of its training, and perhaps no predictions."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.files import shipped_checkpoints_root
from mammo_core.inference.archive import export_checkpoint, import_checkpoint
from mammo_core.runs.folder import RunFolder
from tests.pages.conftest import OpenPage, score_rows, show_section
from tests.pages.test_read import a_breast, captions, choose, drop


def bring_in(runs_root: Path, *, is_with_women: bool) -> RunFolder:
    archive = runs_root.parent / "light.zip"
    export_checkpoint(
        shipped_checkpoints_root() / "phantom-light", archive, is_with_women=is_with_women
    )
    return import_checkpoint(archive, runs_root)


def show_on_train(open_page: OpenPage) -> AppTest:
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    return page


@pytest.mark.parametrize("is_with_women", [False, True])
def test_its_run_is_shown_without_an_error_and_says_why_there_are_no_images(
    open_page: OpenPage, runs_root: Path, is_with_women: bool
) -> None:
    run = bring_in(runs_root, is_with_women=is_with_women)
    page = show_on_train(open_page)
    assert page.selectbox(key="run").value == run.run_id
    assert not page.error
    told = " ".join([*(info.value for info in page.info), captions(page)])
    assert "without the settings of its training" in told
    assert str(runs_root) not in told
    labels = [link.proto.label for link in page.get("page_link")]
    ways_on = ["Thresholds", "Compare with …", "Data"]  # the last above the list without pictures
    assert labels == ["Read cases with it"] + ways_on * is_with_women


@pytest.mark.slow
def test_it_reads(open_page: OpenPage, runs_root: Path) -> None:
    run = bring_in(runs_root, is_with_women=False)
    page = open_page("read")
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()))
    assert score_rows(page)
    assert not page.error
    assert "keeps no embeddings" in captions(page)
    assert not [one for one in page.toggle if one.key == "similar"]


def test_thresholds_and_compare_judge_the_predictions_it_brought(
    open_page: OpenPage, runs_root: Path
) -> None:
    bring_in(runs_root, is_with_women=True)
    for name in ("thresholds", "compare"):
        page = open_page(name)
        assert not page.error
        assert page.dataframe, name
    show_section(page, "Images")
    assert not page.error
    assert "without the settings of its training" in captions(page)


def test_a_link_to_the_thresholds_of_one_without_predictions_says_what_is_lacking(
    open_page: OpenPage, runs_root: Path
) -> None:
    run = bring_in(runs_root, is_with_women=False)
    page = open_page("thresholds")
    page.query_params["run"] = run.run_id
    page.run()
    assert "has no predictions" in page.warning[0].value
    assert "deleted" not in page.warning[0].value


@pytest.mark.slow
def test_its_alike_images_are_told_in_words_where_their_pictures_are_not_here(
    open_page: OpenPage, runs_root: Path
) -> None:
    run = bring_in(runs_root, is_with_women=True)
    page = open_page("read")
    choose(page, run.run_id)
    drop(page, ("a.png", a_breast()))
    page.toggle(key="similar").set_value(True).run()
    assert captions(page).count("likeness") == 4
    assert "Their pictures are not prepared on this computer" in captions(page)
