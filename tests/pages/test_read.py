import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from mammo_core.paths import shipped_checkpoints_root
from mammo_core.runs.card import read_card, write_card
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


def choose(page: AppTest, model: str) -> None:
    page.run()
    page.selectbox(key="model").set_value(model).run()


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
    assert page.text[0].value.startswith("File 1 (letter.dcm): ")


def test_a_case_can_be_forgotten(page: AppTest, tmp_path: Path) -> None:
    drop(page, ("a.png", a_breast()))
    page.button(key="forget_case").click().run()
    assert not list((tmp_path / "home" / "cases").iterdir())
    assert "case" not in page.query_params


def test_the_same_file_twice_is_told(page: AppTest) -> None:
    drop(page, ("a.png", a_breast()), ("b.png", a_breast()))
    assert len(page.metric) == 1
    assert page.text[0].value == "File 2 (b.png): It is the same as file 1. It is shown once."


@pytest.mark.parametrize("case", ["0" * 64, "../../etc/passwd"])
def test_a_link_to_no_case_leaves_the_way_to_open_images(page: AppTest, case: str) -> None:
    page.query_params["case"] = case
    page.run()
    assert not page.exception
    assert "Open the images again" in page.error[0].value
    assert page.file_uploader(key="dropped_files")


def test_a_model_that_is_gone_is_told_and_not_silently_replaced(page: AppTest) -> None:
    page.query_params["model"] = "ghost"
    page.run()
    assert "There is no 'ghost' here" in page.warning[0].value


def test_a_broken_checkpoint_costs_the_score_and_not_the_images(
    page: AppTest, runs_root: Path
) -> None:
    broken = runs_root / "20260101-000000-light_cnn-abcd"
    shutil.copytree(shipped_checkpoints_root() / "phantom-light", broken)
    weights = broken / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    choose(page, broken.name)
    drop(page, ("a.png", a_breast()))
    assert "weights" in page.error[0].value
    assert not page.metric
    assert page.button(key="forget_case")


def test_a_card_with_markdown_is_shown_as_it_is(page: AppTest, runs_root: Path) -> None:
    foreign = runs_root / "20260101-000000-light_cnn-abcd"
    shutil.copytree(shipped_checkpoints_root() / "phantom-light", foreign)
    card = read_card(foreign / "model_card.json")
    picture = "![x](http://example.invalid/x.png)"
    write_card(replace(card, title=picture, limits=(picture,)), foreign / "model_card.json")
    choose(page, foreign.name)
    drop(page, ("a.png", a_breast()))
    shown = [page.warning[0].value, *(caption.value for caption in page.caption)]
    assert sum("example.invalid" in text for text in shown) == 2
    assert not any(picture in text for text in shown)
