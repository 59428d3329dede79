"""Read: a case is taken away, and nothing in it is called as the reader's file was."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mammo_core.paths import samples_root

pytestmark = pytest.mark.e2e
SLOW = 60_000  # torch is imported with the first score, highdicom with the first export


def test_a_read_case_is_taken_away_as_one_zip(
    page: Page, tmp_path: Path, take_picture: Callable[[str], None]
) -> None:
    page.goto(f"{page.url}?model=phantom-light")  # other tests leave runs that are newer
    mine = tmp_path / "DOE_JANE_1960.dcm"
    mine.write_bytes((samples_root() / "exam_L_MLO_jpeg-2000-lossless.dcm").read_bytes())
    page.locator("input[type=file]").first.set_input_files(mine)
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Export").click()
    everything = page.get_by_role("button", name="Everything (zip)")
    expect(everything).to_be_visible(timeout=SLOW)
    take_picture("export")
    with page.expect_download(timeout=SLOW) as started:
        everything.click()
    assert re.fullmatch(r"case_[0-9a-f]{12}\.zip", started.value.suggested_filename)
    with zipfile.ZipFile(started.value.path()) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        contents = [archive.read(name) for name in archive.namelist()]
    assert {"case.json", "report.html", "dicom/report_1.dcm"} <= names
    assert "pictures/1_L_MLO_heatmap.png" in names
    assert not any(b"DOE_JANE" in content or b"Phantom^" in content for content in contents)
