"""A model of two views reads a breast of two, and says where one stood in for the other."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.files import samples_root
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import RunState
from tests.inference.made_up import write_checkpoint
from tests.pages.conftest import OpenPage, score_rows
from tests.pages.test_read import a_breast, captions, choose, drop

CC, MLO = "exam_L_CC_rle.dcm", "exam_L_MLO_jpeg-2000-lossless.dcm"


@pytest.fixture
def page(open_page: OpenPage, runs_root: Path) -> AppTest:
    (runs_root / "pair").mkdir()
    run = RunFolder(write_checkpoint(runs_root / "pair", views=2))
    run.write_status(RunStatus(state=RunState.FINISHED, done=1, total=1, message=""))
    page = open_page("read")
    choose(page, "pair")
    return page


def give(page: AppTest, *names: str) -> None:
    drop(page, *((name, (samples_root() / name).read_bytes()) for name in names))
    assert page.selectbox(key="model").value == "pair"


@pytest.mark.slow
def test_a_breast_of_two_views_is_scored_without_remark(page: AppTest) -> None:
    give(page, CC, MLO)
    assert score_rows(page)
    assert "1 of 2 views" not in captions(page)
    page.toggle(key="steady").set_value(True).run(timeout=60)
    assert not page.exception
    assert captions(page).count("as it is, mirrored and shifted (6 looks)") == 2


@pytest.mark.slow
def test_a_view_that_stands_in_for_the_other_is_named_beside_the_score(page: AppTest) -> None:
    give(page, CC)
    assert score_rows(page)
    assert "L CC\\: 1 of 2 views\\: this model scores the CC and the MLO" in captions(page)


@pytest.mark.slow
def test_the_shipped_pair_is_scored_as_a_pair(page: AppTest) -> None:
    page.button(key="sample_pair").click().run(timeout=120)
    assert not page.exception
    assert [row["title"] for row in score_rows(page)] == ["Right breast"]
    assert "scored beside itself" not in captions(page)
    assert "1 of 2 views" not in captions(page)


@pytest.mark.slow
def test_unknown_views_are_asked_for_and_compared_with_nothing_until_they_are_known(
    page: AppTest,
) -> None:
    drop(page, ("a.png", a_breast()), ("b.png", a_breast(peak=250)))
    assert "a.png, b.png\\: The view or side of this image is not known" in captions(page)
    assert "No rank, no verdict and no familiarity" in captions(page)
    page.button(key="take_cc_2").click().run(timeout=120)
    assert "No rank, no verdict" in captions(page)
    page.button(key="take_sides").click().run(timeout=120)
    assert not page.exception
    assert "not known" not in captions(page)
    assert "No rank, no verdict" not in captions(page)
