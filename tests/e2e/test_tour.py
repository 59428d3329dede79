"""A first visitor: the tour by keys alone, and the example project from one click to its end."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from mammo_core.example import DATA_NAME, NETWORKS
from pages.components.shared.tour import STEPS
from tests.e2e.screens import SLOW, VIEWER, wait_until_drawn
from tests.e2e.server import ROOT, Server, running_server
from tests.e2e.test_accessibility import findings
from tests.e2e.test_keyboard import FOCUSED, tab_to
from tests.e2e.test_sizes import OVERLAPPING, TOO_WIDE

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
MADE: Final = 1_200_000  # two trainings, on a busy machine
HIGHEST: Final = 292  # pixels from the top to the example's picture, on a screen of 1440 x 900


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Server]:
    """The app of somebody who has never been here."""
    settings = {
        "MAMMO_HOME": str(tmp_path / "home"), "MAMMO_CHECKPOINTS": str(tmp_path / "runs"),
    }  # fmt: skip
    with running_server(ROOT / "served.py", tmp_path / "app.log", settings) as server:
        yield server


def opened(browser: Browser, server: Server, *, width: int = 1440, height: int = 900) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(server.url)
    expect(page.locator(VIEWER)).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    return page


def press(page: Page, name: str) -> None:
    """By keys alone: from step to step the focus stays where it is."""
    if not re.search(name, page.evaluate(FOCUSED)[0]):
        tab_to(page, name)
    page.keyboard.press("Enter")


def test_the_tour_is_taken_by_keys_and_left_by_escape_and_pushes_no_picture_down(
    browser: Browser, newcomer: Server
) -> None:
    page = opened(browser, newcomer)
    offer = page.get_by_role("button", name="New here? Take the tour")
    expect(offer).to_be_visible()
    top = page.locator(".viewer").bounding_box()
    assert top is not None
    assert top["y"] <= HIGHEST
    press(page, "^tour\n+New here")
    for number, step in enumerate(STEPS, start=1):
        words = page.get_by_text(f"Tour, {number} of {len(STEPS)}: {step.page}.")
        expect(words).to_be_visible(timeout=SLOW)
        expect(page).to_have_title(f"{step.page} · Mammoscope")
        expect(page.locator(step.at).first).to_be_visible(timeout=SLOW)
        wait_until_drawn(page)
        assert findings(page) == []
        assert page.evaluate(TOO_WIDE) <= 0
        assert page.evaluate(OVERLAPPING) == []
        if number < len(STEPS):
            press(page, "^arrow_forward\n+Next$")
    press(page, "^check\n+Done$")
    expect(page.get_by_text(f"Tour, {len(STEPS)} of")).to_have_count(0, timeout=SLOW)

    page.get_by_role("button", name="Take the tour").click()
    expect(page.get_by_text("Tour, 1 of")).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    page.keyboard.press("Escape")
    expect(page.get_by_text("Tour, 1 of")).to_have_count(0, timeout=SLOW)
    page.close()
    page = opened(browser, newcomer)
    expect(page.get_by_role("button", name="New here? Take the tour")).to_have_count(0)
    page.close()


def test_the_tour_fits_a_telephone(browser: Browser, newcomer: Server) -> None:
    page = opened(browser, newcomer, width=390, height=844)
    page.get_by_role("button", name="New here? Take the tour").click()
    for number, step in enumerate(STEPS, start=1):
        words = page.get_by_text(f"Tour, {number} of {len(STEPS)}: {step.page}.")
        expect(words).to_be_in_viewport(timeout=SLOW)
        wait_until_drawn(page)
        assert page.evaluate(TOO_WIDE) <= 0
        page.locator(".st-key-tour_next button").click()
    page.close()


def test_one_click_makes_the_example_project_which_is_compared_and_deleted(
    browser: Browser, newcomer: Server
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{newcomer.url}/train")
    page.get_by_role("button", name="Make the example project").click(timeout=SLOW)
    expect(page).to_have_title("Help · Mammoscope", timeout=SLOW)
    expect(
        page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop")
    ).to_be_visible(timeout=SLOW)
    page.reload()
    compare = page.get_by_role("link", name="Compare both")
    expect(compare).to_be_visible(timeout=MADE)
    with page.expect_download() as file:
        page.get_by_role("button", name="Study report").click()
    report = file.value.path().read_text(encoding="utf-8")
    assert "Study report: " in report
    compare.click()
    expect(page.get_by_text(re.compile("All compared on the same"))).to_be_visible(timeout=SLOW)
    for title in NETWORKS:
        expect(page.locator(".stMultiSelect").get_by_text(title)).to_be_visible()
    page.get_by_role("link", name="Help", exact=True).click()
    page.get_by_role("link", name="The women").click()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value(DATA_NAME, timeout=SLOW)
    page.get_by_role("link", name="Help", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_role("button", name="Delete the example project").click()
    make = page.get_by_role("button", name="Make the example project")
    expect(make).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    assert findings(page) == []
    page.close()
