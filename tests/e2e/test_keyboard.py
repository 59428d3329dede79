"""From the first visit to the next case, a threshold's cases and a tag without a mouse."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from mammo_core.preprocessing.phantoms.women import write_phantom_set
from tests.e2e.screens import LISTED, MODEL, SLOW, VIEWER, wait_until_drawn
from tests.e2e.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
MOST: Final = 90  # presses of Tab, after which a control counts as out of reach
DRAWN: Final = ("BODY", "MAIN", "CANVAS")  # the whole page, and a table that draws its own focus
#: What has the focus, inside components too: its name, and whether it can be seen to have it.
FOCUSED: Final = """() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  const isMarked = (part) => {
    const style = getComputedStyle(part);
    const hasOutline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return hasOutline || style.boxShadow !== "none";
  };
  const around = [];  // a field is often marked by the frame around it
  for (let part = one; part && around.length < 6; part = part.parentElement) around.push(part);
  const label = one.labels?.[0]?.innerText ?? "";
  const name = one.getAttribute("aria-label") ?? (one.innerText || label || one.title);
  return [name.trim(), one.tagName, around.some(isMarked)];
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus; whatever is passed shows that it has it."""
    passed = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        told, tag, is_marked = page.evaluate(FOCUSED)
        passed.append(told)
        assert is_marked or tag in DRAWN, f"{told} ({tag}) hides that it has the focus"
        if re.search(name, told):
            return
    pytest.fail(f"Tab does not reach {name}; it passed {passed}")


@pytest.fixture
def women(tmp_path: Path) -> list[Path]:
    """Four views of two women."""
    write_phantom_set(tmp_path, women=2, seed=7, size=(512, 256))
    found = []
    for number in (1, 2):
        for picture in sorted((tmp_path / "images").rglob(f"W000{number}_*.png")):
            _, side, view = picture.stem.split("_")
            found.append(Path(shutil.copy(picture, tmp_path / f"{number}_{side}_{view}.png")))
    return found


@pytest.fixture
def tab(browser: Browser, furnished: Server) -> Page:
    return browser.new_page(viewport={"width": 1440, "height": 900})


def test_from_the_first_visit_to_the_next_case_by_keys_alone(
    tab: Page, furnished: Server, women: list[Path]
) -> None:
    tab.goto(f"{furnished.url}/?model={MODEL}")
    expect(tab.locator(VIEWER)).to_be_visible(timeout=SLOW)
    wait_until_drawn(tab)
    with tab.expect_file_chooser() as chooser:
        tab_to(tab, "Upload$")
        tab.keyboard.press("Enter")
    chooser.value.set_files(women)
    expect(tab.locator(".case-list .row")).to_have_count(2, timeout=SLOW)
    expect(tab.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    first = tab.url
    tab.keyboard.press("j")
    expect(tab).not_to_have_url(first, timeout=SLOW)
    wait_until_drawn(tab)
    tab.keyboard.press("k")
    expect(tab).to_have_url(first, timeout=SLOW)
    wait_until_drawn(tab)

    viewer = tab.locator(VIEWER)
    tab_to(tab, "^R CC, ")
    tab.keyboard.press("1")
    expect(viewer).to_have_attribute("data-zoom", "100.0")
    tab.keyboard.press("?")
    help_ = tab.get_by_role("dialog", name="Keys of the viewer")
    expect(help_).to_be_visible()
    expect(help_.get_by_role("button")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    tab.keyboard.press("0")  # the focus is back on the image
    expect(viewer).not_to_have_attribute("data-zoom", "100.0")
    tab_to(tab, "^R MLO, ")  # and is not caught there
    tab.close()


def test_a_thresholds_case_and_a_tag_and_the_way_back_by_keys_alone(
    tab: Page, furnished: Server
) -> None:
    tab.goto(f"{furnished.url}/thresholds?run={MODEL}&count_split=val")
    expect(tab.locator(".threshold[data-ready=true]")).to_be_visible(timeout=SLOW)
    wait_until_drawn(tab)
    tab_to(tab, "^Decision threshold")
    tab.keyboard.press("ArrowRight")
    expect(tab).to_have_url(re.compile("threshold="))
    tab_to(tab, "found")
    tab.keyboard.press("Enter")
    expect(tab.locator(LISTED)).to_be_visible(timeout=SLOW)
    wait_until_drawn(tab)
    tab_to(tab, "^Cases")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    expect(tab.locator(".row.opened")).to_have_count(1)

    opened = tab.locator(".row.opened .name").inner_text()
    tab.keyboard.press("j")
    expect(tab.locator(".row.opened .name")).not_to_have_text(opened)
    tab.close()


def test_a_tag_and_the_way_to_read_and_back_by_keys_alone(tab: Page, furnished: Server) -> None:
    tab.goto(f"{furnished.url}/data?section=Images")
    expect(tab.locator(LISTED)).to_be_visible(timeout=SLOW)
    wait_until_drawn(tab)
    tab_to(tab, "^Cases")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Space")
    expect(tab.locator(".row.selected")).to_have_count(1)
    tab.keyboard.press("Enter")
    expect(tab.locator(VIEWER)).to_be_visible(timeout=SLOW)
    wait_until_drawn(tab)
    tab_to(tab, "^Tag$")
    tab.keyboard.type("hard")
    tab.keyboard.press("Enter")
    expect(tab.locator(".row.opened .chip.tag")).to_have_text("hard")
    opened = tab.locator(".row.opened .name").inner_text()
    wait_until_drawn(tab)
    tab_to(tab, "Open in Read$")
    tab.keyboard.press("Enter")
    back = tab.get_by_role("link", name="Back to Data")
    expect(back).to_be_visible(timeout=SLOW)
    wait_until_drawn(tab)
    tab_to(tab, "Back to Data$")
    tab.keyboard.press("Enter")
    expect(tab.locator(".row.opened .name")).to_have_text(opened, timeout=SLOW)
    tab.close()
