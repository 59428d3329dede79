import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage


def a_breast(*, turn: bool = False) -> bytes:
    """A bright half disc on the left edge, fading to its rim, as PNG."""
    rows, columns = np.mgrid[0:256, 0:128]
    disc = np.clip(1 - np.hypot(rows - 128, columns) / 110, 0, 1)
    picture = io.BytesIO()
    Image.fromarray(np.uint8(255 * (disc[:, ::-1] if turn else disc))).save(picture, "PNG")
    return picture.getvalue()


@pytest.fixture
def page(open_page: OpenPage) -> AppTest:
    return open_page("read")


def drop(page: AppTest, *files: tuple[str, bytes]) -> None:
    page.file_uploader(key="dropped_files").set_value(
        [(name, content, "application/octet-stream") for name, content in files]
    )
    page.run(timeout=120)
    assert not page.exception, page.exception


def test_an_image_gets_a_score_and_the_words_that_belong_to_it(page: AppTest) -> None:
    drop(page, ("IM0001", a_breast()))
    assert 0.0 <= float(page.metric[0].value) <= 1.0
    words = " ".join(caption.value for caption in page.caption)
    assert "It is not a probability of disease" in words
    assert "not the borders of a tumour" in words
    assert "only seen synthetic images" in page.warning[0].value


def test_the_case_stands_in_the_url_and_not_the_files_name(page: AppTest, tmp_path: Path) -> None:
    drop(page, ("DOE_JANE_1960.png", a_breast()))
    case = "".join(page.query_params["case"])
    assert len(case) == 64
    kept = [path for path in (tmp_path / "home" / "cases").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"DOE" in path.read_bytes() or "DOE" in path.name for path in kept)


def test_a_missing_side_is_suggested_and_taken_only_when_asked(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()), ("b.png", a_breast(turn=True)))
    suggestion = next(c.value for c in page.caption if "No side is stored" in c.value)
    assert "Image 1: L, Image 2: R" in suggestion
    page.button(key="take_sides").click().run(timeout=120)
    assert [metric.label for metric in page.metric] == ["L", "R"]


def test_a_file_that_is_no_image_is_refused_in_words_and_the_others_are_read(page: AppTest) -> None:
    drop(page, ("letter.dcm", b"Dear colleague, please find attached"), ("a.png", a_breast()))
    assert len(page.metric) == 1
    assert page.text[0].value.startswith("File 1 was not read:")


def test_a_case_can_be_forgotten(page: AppTest, tmp_path: Path) -> None:
    drop(page, ("a.png", a_breast()))
    page.button(key="forget_case").click().run()
    assert not list((tmp_path / "home" / "cases").iterdir())
    assert "case" not in page.query_params
