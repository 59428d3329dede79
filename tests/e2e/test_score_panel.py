"""The panel of scores in a real browser: another threshold is tried there, and nowhere else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "apps" / "panel_app.py"


@pytest.fixture
def sent() -> list[object]:
    return []


@pytest.fixture
def page(browser: Browser, serve: Callable[[Path], str], sent: list[object]) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 500, "height": 700})
    errors: list[str] = []
    tab.on("websocket", lambda ws: ws.on("framesent", lambda frame: sent.append(frame)))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(serve(APP))
    expect(tab.locator(".panel")).to_have_attribute("data-ready", "true", timeout=120_000)
    yield tab
    tab.close()
    assert errors == []


def test_a_dragged_threshold_judges_anew_in_the_browser_alone(
    page: Page, sent: list[object]
) -> None:
    headline = page.locator(".headline")
    expect(headline).to_have_text("Score above the threshold: left breast.")
    expect(page.locator(".trying")).to_be_hidden()
    before = len(sent)
    strip = page.locator(".strip").first
    box = strip.bounding_box()
    assert box is not None
    at = {share: box["x"] + 8 + share * (box["width"] - 16) for share in (0.5, 0.25)}
    middle = box["y"] + box["height"] / 2
    page.mouse.move(at[0.5], middle)
    page.mouse.down()
    page.mouse.move(at[0.25], middle, steps=5)
    page.mouse.up()
    expect(headline).to_have_text("Score above 0.250: right breast, left breast.")
    expect(page.locator(".aside")).to_be_hidden()
    expect(page.locator(".trying")).to_contain_text(
        "Tried in this view alone. In validation it calls 2 of 2 breasts with cancer and 1 of 3 "
        "without."
    )
    assert len(sent) == before  # Python hears nothing, so nothing can be locked by it
    page.get_by_role("button", name="Back to 0.5000").click()
    expect(headline).to_have_text("Score above the threshold: left breast.")


@pytest.mark.slow
def test_keys_move_the_threshold_and_escape_takes_it_back(page: Page) -> None:
    track = page.get_by_role("slider", name="Try another threshold, Left breast")
    track.focus()
    page.keyboard.press("End")
    expect(page.locator(".headline")).to_have_text("Score below 1.000.")
    expect(page.locator(".aside")).to_have_text("Below does not mean normal.")
    page.keyboard.press("ArrowLeft")
    expect(track).to_have_attribute("aria-valuetext", "0.990: below")
    page.keyboard.press("Escape")
    expect(page.locator(".headline")).to_have_text("Score above the threshold: left breast.")


@pytest.mark.slow
def test_with_and_without_cancer_are_told_apart_by_shape_and_place(page: Page) -> None:
    first = page.locator(".strip").first
    expect(first.locator("rect.cancer")).to_have_count(2)
    expect(first.locator("rect.other")).to_have_count(3)
    ends = first.locator("rect.cancer").evaluate_all(
        "bars => bars.map(bar => bar.y.baseVal.value + bar.height.baseVal.value)"
    )
    starts = first.locator("rect.other").evaluate_all(
        "bars => bars.map(bar => bar.y.baseVal.value)"
    )
    assert set(ends) == set(starts) == {21}  # one stands on the line, the other hangs from it
