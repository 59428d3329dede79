"""Read: a case is taken away, and nothing in it is called as the reader's file was."""

import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from mammo_core.files import samples_root
from tests.e2e.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SLOW = 180_000  # a new home converts the network; torch and highdicom are imported


def test_a_read_case_is_taken_away_as_one_zip(
    page: Page, tmp_path: Path, take_picture: Callable[[str], None]
) -> None:
    page.goto(
        page.url.split("?")[0] + "?model=phantom-light"
    )  # other tests leave runs that are newer
    for number, sample in enumerate(sorted(samples_root().glob("exam_*.dcm"))):
        (tmp_path / f"DOE_JANE_{number}.dcm").write_bytes(sample.read_bytes())
    page.locator("input[type=file]").first.set_input_files(sorted(tmp_path.iterdir()))
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Export").click()
    everything = page.get_by_role("button", name="Everything (zip)")
    expect(everything).to_be_visible(timeout=SLOW)
    take_picture("export")
    with page.expect_download(timeout=SLOW) as started:
        everything.click()
    assert re.fullmatch(r"case_[0-9a-f]{12}\.zip", started.value.suggested_filename)
    with zipfile.ZipFile(started.value.path()) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert {"case.json", "dicom/report_1.dcm", "pictures/2_L_MLO_heatmap.png"} <= set(files)
    assert not any(b"DOE_JANE" in content or b"Phantom^" in content for content in files.values())

    page.set_content(files["report.html"].decode())
    expect(page.get_by_role("img")).to_have_count(8)
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1


def test_an_export_that_is_killed_is_a_sentence_and_the_next_one_is_made(
    page: Page, app: Server
) -> None:
    page.goto(page.url.split("?")[0] + "?model=phantom-light")
    sample = samples_root() / "exam_L_CC_rle.dcm"
    page.locator("input[type=file]").first.set_input_files(sample)
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Export").click()
    pictures = page.get_by_role("button", name="Pictures (zip)")
    expect(pictures).to_be_visible(timeout=SLOW)
    pictures.click()
    maker_of_export(app).kill()
    told = page.get_by_test_id("stDownloadButtonError")
    expect(told).to_contain_text("The export was stopped (signal 9)", timeout=SLOW)
    with page.expect_download(timeout=SLOW) as started:
        pictures.click()
    assert zipfile.is_zipfile(started.value.path())


def maker_of_export(app: Server) -> psutil.Process:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for process in psutil.Process(app.process_id).children():
            if "mammo_core.reports.case.apart" in process.cmdline():
                return process
        time.sleep(0.01)
    raise AssertionError("No process made the export.")
