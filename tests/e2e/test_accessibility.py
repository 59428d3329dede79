"""What axe finds on every page in both themes, and what axe cannot see: the words in figures."""

from collections.abc import Callable
from typing import Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.e2e.screens import SCREENS, SLOW, Screen, open_screen, wait_until_drawn
from tests.e2e.server import Server

pytestmark = pytest.mark.e2e
Scheme = Literal["light", "dark"]
SERIOUS: Final = ("serious", "critical")
#: What Streamlit itself does and no page can mend: rule, part of the element's HTML, why.
OF_STREAMLIT: Final[tuple[tuple[str, str, str], ...]] = ()
#: The least contrast of a word in a figure with the ground of the page, and the word.
FAINTEST_WORD: Final = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.querySelector(".stApp")).backgroundColor);
  const words = [...document.querySelectorAll(".js-plotly-plot svg text")]
    .filter((word) => word.textContent.trim() && word.checkVisibility())
    .map((word) => {
      const [low, high] = [ground, light(getComputedStyle(word).fill)].sort((a, b) => a - b);
      return [(high + 0.05) / (low + 0.05), word.textContent];
    });
  return words.sort((a, b) => a[0] - b[0])[0] ?? [21, ""];
}"""


def findings(page: Page) -> list[str]:
    """Everything serious, each as rule, element and reason."""
    told = Axe().run(page).response
    return [
        f"{found['id']} at {node['target']}: {node['html'][:200]} {node['failureSummary']}"
        for found in told["violations"]
        if found["impact"] in SERIOUS
        for node in found["nodes"]
        if not any(found["id"] == rule and part in node["html"] for rule, part, _ in OF_STREAMLIT)
    ]


def test_the_first_page_has_nothing_that_axe_calls_serious(page: Page) -> None:
    page.locator(".viewer[data-ready=true]").wait_for(timeout=SLOW)
    wait_until_drawn(page)
    assert findings(page) == []
    page.get_by_role("button", name="Fit the breast (0)").evaluate(
        "button => { button.removeAttribute('aria-label'); button.title = ''; }"
    )
    assert [one.split()[0] for one in findings(page)] == ["button-name"]  # inside components too


@pytest.fixture
def tab(browser: Browser, furnished: Server) -> Callable[[Scheme], Page]:
    def opened(scheme: Scheme) -> Page:
        return browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)

    return opened


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_axe_finds_nothing_serious_and_words_in_figures_can_be_read(
    tab: Callable[[Scheme], Page], furnished: Server, screen: Screen, scheme: Scheme
) -> None:
    page = tab(scheme)
    open_screen(page, furnished.url, screen)
    found, (contrast, word) = findings(page), page.evaluate(FAINTEST_WORD)
    page.close()
    assert found == [], screen.name
    assert contrast >= 4.5, (screen.name, word)
