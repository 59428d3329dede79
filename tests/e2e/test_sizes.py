"""Every page on the screens it is read on: nothing runs out of it sideways, nothing overlaps."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.screens import SCREENS, Screen, open_screen
from tests.e2e.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SIZES: Final = ((1280, 800), (1440, 900), (1920, 1080), (390, 844))
#: By how many pixels the page is wider than its window. Streamlit scrolls its main part.
TOO_WIDE: Final = """() => Math.max(
  document.scrollingElement.scrollWidth - innerWidth,
  ...[...document.querySelectorAll("[data-testid=stMain], [data-testid=stMainBlockContainer]")]
    .map((part) => part.scrollWidth - part.clientWidth))"""
#: Pairs of controls of which one lies over the other, as they are called.
OVERLAPPING: Final = """() => {
  const roots = (from) => [from, ...[...from.querySelectorAll("*")]
    .filter((one) => one.shadowRoot).flatMap((one) => roots(one.shadowRoot))];
  const kinds = "button, a[href], summary, select, input:not([type=range], [type=file]), .chip, " +
    "h1, h2, h3, .st-key-top_bar p";
  const called = (one) => (one.getAttribute("aria-label") ?? one.innerText ?? "").slice(0, 40);
  const controls = roots(document).flatMap((root) => [...root.querySelectorAll(kinds)])
    .filter((one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
    .filter((one) => !one.closest(".scroller, .glideDataEditor, [role=group] .chip .chip"))
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([, box]) => box.width > 2 && box.height > 2);
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  const found = [];
  controls.forEach(([one, box], place) => {
    for (const [other, its] of controls.slice(place + 1)) {
      if (over(box, its) && !one.contains(other) && !other.contains(one) &&
          one.closest("label") !== (other.closest("label") ?? 0)) {
        found.push(`${called(one)} / ${called(other)}`);
      }
    }
  });
  return found;
}"""


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    page = browser.new_page(viewport={"width": width, "height": height})
    yield page
    page.close()


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_page_fits_its_window_and_nothing_on_it_overlaps(
    tab: Page, furnished: Server, screen: Screen
) -> None:
    open_screen(tab, furnished.url, screen)
    assert tab.evaluate(TOO_WIDE) <= 0
    assert tab.evaluate(OVERLAPPING) == []
    width = tab.evaluate("innerWidth")
    for selector in (".st-key-top_bar a", *screen.holds):
        for part in tab.locator(selector).all():
            part.scroll_into_view_if_needed()
            box = part.bounding_box()
            assert box is not None, selector
            assert box["x"] >= 0, selector
            assert box["x"] + box["width"] <= width + 1, selector
