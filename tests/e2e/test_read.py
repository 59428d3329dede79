"""Read: drop a mammogram, see score and heatmap, and lose nothing on a reload."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mammo_core.preprocessing.phantoms.women import write_phantom_set

pytestmark = pytest.mark.e2e
SLOW = 180_000  # a new home converts the network, and torch is imported with the first score


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_set(folder, women=12, seed=7, size=(512, 256))
    return folder


def test_an_upload_becomes_score_and_heatmap_and_survives_reload_and_page_change(
    page: Page, phantoms: Path
) -> None:
    page.goto(
        page.url.split("?")[0] + "?model=phantom-light"
    )  # other tests leave runs that are newer
    picture = sorted((phantoms / "images").rglob("*.png"))[0]
    page.locator("input[type=file]").first.set_input_files(picture)
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    viewer = page.locator(".viewer[data-ready=true]")
    expect(viewer).to_be_visible(timeout=SLOW)
    expect(page.locator(".panel .score")).to_have_count(1, timeout=SLOW)  # no longer the example's
    score = page.locator(".panel .score").first
    expect(score).to_have_text(re.compile(r"^[01]\.\d\d$"), timeout=SLOW)
    shown = score.inner_text()
    expect(page.get_by_text("not the borders of a tumour")).to_be_visible()

    page.reload()
    expect(viewer).to_be_visible(timeout=SLOW)
    expect(page.locator(".panel .score").first).to_have_text(shown)

    page.get_by_role("link", name="Thresholds").click()
    expect(page.get_by_role("heading", name="Thresholds")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Read").click()
    expect(viewer).to_be_visible(timeout=SLOW)
    expect(page.locator(".panel .score").first).to_have_text(shown)


@pytest.mark.slow
def test_a_sample_exam_is_hung_as_four_views(page: Page) -> None:
    page.get_by_role("button", name=re.compile("four views", re.IGNORECASE)).click()
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    expect(page.locator(".viewer canvas")).to_have_count(4)


@pytest.mark.slow
def test_a_text_file_gets_its_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "scan.dcm").write_text("Dear colleague, please find attached")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "scan.dcm")
    expect(page.get_by_text("File 1 (scan.dcm):")).to_be_visible(timeout=SLOW)


@pytest.mark.slow
def test_a_link_to_no_case_is_told_in_words(page: Page) -> None:
    page.goto(page.url.split("?")[0] + "?case=..%2f..%2fetc%2fpasswd")
    expect(page.get_by_text("does not name a case")).to_be_visible(timeout=SLOW)
