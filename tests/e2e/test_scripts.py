"""What the campaign of scripts looks with, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.reliability.names import SCRIPTS
from benchmarks.reliability.scripts import Sightings, Spot, tab_of


@pytest.mark.slow
@pytest.mark.e2e
def test_a_real_browser_notices_what_runs_in_a_page_that_escapes_nothing(
    browser: Browser, tmp_path: Path
) -> None:
    looks = Sightings()
    file = tmp_path / "page.html"
    scripts = [one for one in SCRIPTS if "<script>document" in one and one[0] == "<"][:6]
    page, _ = tab_of(browser)
    for script in scripts:
        file.write_text(f"<!DOCTYPE html><body>{script}</body>")
        page.goto(file.as_uri())
        looks.look(page, Spot(name="page", address=""), script)
    page.context.close()
    assert len(looks.ran) >= 3
