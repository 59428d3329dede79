"""Read, from the first visit to several cases: the example, names, the list, forgetting."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mammo_core.preprocessing.phantoms.women import write_phantom_set
from tests.e2e.screens import wait_until_drawn
from tests.e2e.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
TOLD_APP = Path(__file__).parent / "apps" / "told_app.py"
SLOW = 180_000  # a new home converts the network, and torch is imported with the first score


@pytest.fixture(scope="module")
def women(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Four views of three women, named as people name them: L-CC.png, 1_L_CC.png, 2_L_CC.png."""
    folder = tmp_path_factory.mktemp("women")
    write_phantom_set(folder, women=3, seed=7, size=(512, 256))
    found: dict[str, list[Path]] = {}
    for number in range(3):
        found[str(number)] = []
        for picture in sorted((folder / "images").rglob(f"W000{number + 1}_*.png")):
            _, side, view = picture.stem.split("_")
            name = f"{number}_{side}_{view}.png" if number else f"{side}-{view}.png"
            found[str(number)].append(Path(shutil.copy(picture, folder / name)))
    return found


def drop(page: Page, files: list[Path]) -> None:
    page.locator("input[type=file]").first.set_input_files(files)


def test_the_first_visitor_sees_the_example_with_its_verdict_before_any_model_is_loaded(
    page: Page, fresh_app: Server
) -> None:
    page.goto(fresh_app.url)
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    expect(page.locator(".viewer canvas")).to_have_count(4)
    expect(page.get_by_text("a synthetic exam, read by")).to_be_visible()
    expect(page.get_by_text("Score 0.99")).to_be_visible()
    expect_verdict(page)
    chip = page.get_by_role("button", name="Synthetic model · 3 cautions")
    chip.click()
    for told in (
        re.compile("It is not a probability of disease. For research only."),
        re.compile("its score on a real mammogram means nothing"),
        re.compile(
            r"Threshold 0\.\d+, which comes with the model, .* 14 of 15 breasts with cancer"
        ),
    ):
        expect(page.get_by_text(told)).to_be_visible()
    chip.click()
    expect(page).not_to_have_url(re.compile("case="))
    for width, height in ((1440, 900), (1440, 1000)):
        page.set_viewport_size({"width": width, "height": height})
        expect(page.locator(".viewer .status")).to_be_in_viewport(ratio=1)
    rows = "panes => new Set(panes.map((pane) => pane.getBoundingClientRect().top)).size"
    assert page.locator(".viewer .stage .pane").evaluate_all(rows) == 1
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".viewer canvas").last).to_be_visible()
    page.wait_for_timeout(500)  # for the panes to be measured
    assert page.locator(".viewer .stage .pane").evaluate_all(rows) == 2
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Exam of four views").click()
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    expect(page.locator(".viewer .status")).to_be_in_viewport(ratio=1)
    expect_verdict(page)


def expect_verdict(page: Page) -> None:
    """Of the exam and of each breast, with the threshold under both."""
    panel = page.locator(".panel")
    expect(panel.locator(".headline")).to_have_text("Score above the threshold: left breast.")
    expect(panel.get_by_text("Below does not mean normal.")).to_be_visible()
    expect(panel.locator(".side:visible")).to_have_text(["below", "above"])
    expect(panel.locator(".strip .threshold")).to_have_count(2)


@pytest.mark.parametrize(("width", "high"), [(1440, 84), (390, 80)])
def test_samples_are_pictures_that_can_be_seen_and_that_open_what_they_show(
    page: Page, app: Server, width: int, high: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    tiles = page.locator("[class*='st-key-tile_']")
    expect(tiles).to_have_count(3, timeout=SLOW)
    open_already, pair, _ = tiles.all()
    for tile in tiles.all():
        box = tile.locator("img").bounding_box()
        assert box is not None
        assert box["height"] == high
        assert box["x"] + box["width"] <= width
    expect(open_already).to_contain_text("shown below")
    expect(tiles.filter(has_text="shown below")).to_have_count(1)
    pair.click(position={"x": 40, "y": 40})  # on the picture
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    expect(page.locator(".viewer[data-ready=true] canvas")).to_have_count(2, timeout=SLOW)


#: In every frame of the page: whether what is told of the example could be seen 0.4 s after the
#: empty panes of the dropped files came, and whether it was there, hidden or not, beside the
#: pictures of these (on them alone side and view can be chosen).
WATCH = """() => {
  let since = 0;
  window.seen = { late: false, beside: false, frames: 0 };
  const roots = () => [...document.querySelectorAll("*")].map((each) => each.shadowRoot);
  const look = () => {
    if (document.querySelector(".waiting-panes")) since ||= performance.now();
    const told = [...document.querySelectorAll("[data-testid=stMarkdown]")];
    const example = told.find((each) => each.textContent.includes("a synthetic exam, read by"));
    const isVisible = Boolean(example?.checkVisibility({ visibilityProperty: true }));
    if (since && performance.now() > since + 400) window.seen.late ||= isVisible;
    if (roots().some((root) => root?.querySelector(".viewer .pane .chips"))) {
      window.seen.frames += 1;
      window.seen.beside ||= Boolean(example);
    }
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.parametrize("way", ["dropped", "sample"])
def test_nothing_told_of_the_example_is_left_beside_the_images_that_were_opened(
    page: Page, women: dict[str, list[Path]], fresh_app: Server, way: str
) -> None:
    page.goto(fresh_app.url)
    expect(page.get_by_text("a synthetic exam, read by")).to_be_visible(timeout=SLOW)
    page.evaluate(WATCH)
    if way == "dropped":
        drop(page, women["0"])
    else:
        page.get_by_role("button", name="CC and MLO of one breast").click()
    expect(page.locator(".panel[data-ready=true] .score").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    seen = page.evaluate("window.seen")
    assert seen["frames"] > 0
    assert not seen["late"]
    assert not seen["beside"]


#: Whether in any frame both stand on the page, hidden or not.
BOTH = """([old, fresh]) => {
  window.isBeside = false;
  const look = () => {
    const told = document.body.textContent;
    window.isBeside ||= told.includes(old) && told.includes(fresh);
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.parametrize("layout", ["", "?two=yes"])
def test_no_score_of_one_case_is_on_the_page_beside_the_pictures_of_another(
    page: Page, serve: Callable[[Path], str], layout: str
) -> None:
    page.goto(serve(TOLD_APP) + layout)
    expect(page.get_by_text("behind the score of the first")).to_be_visible(timeout=SLOW)
    page.evaluate(BOTH, ["score of the first", "pictures of the second"])
    page.get_by_role("button", name="Second").click()
    expect(page.get_by_text("behind the score of the second")).to_be_visible(timeout=SLOW)
    assert page.evaluate("window.isBeside") is False


#: In every frame after J: when empty panes and a line of what is awaited were first seen, and
#: whether what was told of the case before could be seen beside the pictures of another.
WATCH_NEXT = """() => {
  const roots = () => [...document.querySelectorAll("*")].map((each) => each.shadowRoot);
  const find = (selector) => roots().map((root) => root?.querySelector(selector)).find(Boolean);
  const seen = (each) => Boolean(each?.checkVisibility({ visibilityProperty: true }));
  const keysOf = (viewer) =>
    [...viewer.querySelectorAll(".pane")].map((pane) => pane.dataset.key).join();
  const before = { told: find(".panel").textContent, keys: keysOf(find(".viewer")) };
  window.next = { told: before.told, emptyAfter: null, beside: false, frames: 0 };
  let pressed = null;
  document.addEventListener("keydown", () => { pressed ??= performance.now(); }, true);
  const look = () => {
    const viewer = find(".viewer");
    const isEmpty = seen(viewer) && ![...viewer.querySelectorAll("canvas")].some(seen);
    const isTold = isEmpty && [".pane", ".awaited"].every((one) => seen(viewer.querySelector(one)));
    if (pressed && isTold) window.next.emptyAfter ??= performance.now() - pressed;
    if (viewer && !isEmpty && keysOf(viewer) !== before.keys) {
      window.next.frames += 1;
      window.next.beside ||= roots().some((root) => {
        const panel = root?.querySelector(".panel");
        return seen(panel) && panel.textContent === before.told;
      });
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def test_the_next_case_has_empty_panes_and_a_line_at_once_and_no_score_of_the_one_before(
    page: Page, women: dict[str, list[Path]]
) -> None:
    page.goto(f"{page.url.split('?')[0]}?model=phantom-light")
    drop(page, women["1"] + women["2"])
    expect(page.get_by_test_id("stSidebar").locator(".row")).to_have_count(2, timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    page.get_by_text("Advanced", exact=True).click()
    wait_until_drawn(page)
    page.get_by_role("combobox", name="Heatmap by").click()
    page.get_by_role("option", name="HiResCAM").click()  # the list has read all, by the usual one
    wait_until_drawn(page)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    page.locator(".viewer canvas").first.click()
    page.evaluate(WATCH_NEXT)
    page.keyboard.press("j")
    expect(page.locator(".awaited")).to_have_text("Opening 2_L_CC.png and 3 more…")
    expect(page.locator(".awaited")).to_be_hidden(timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    seen = page.evaluate("window.next")
    assert seen["emptyAfter"] is not None
    assert seen["emptyAfter"] < 500
    assert seen["frames"] > 0
    assert seen["beside"] is False
    assert page.locator(".panel").first.inner_text() != seen["told"]


def test_four_views_are_hung_by_their_names_without_a_correction(
    page: Page, women: dict[str, list[Path]]
) -> None:
    drop(page, women["0"])
    expect(page.get_by_text("Hung by the files' names")).to_be_visible(timeout=SLOW)
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    names = page.locator(".viewer .pane .top")
    expect(names).to_have_count(4)
    for place, name in enumerate(("R CC", "L CC", "R MLO", "L MLO")):
        expect(names.nth(place)).to_contain_text(name)
    page.get_by_role("button", name="They are right").click()
    expect(page.get_by_text("Hung by the files' names")).to_have_count(0, timeout=SLOW)


def test_several_women_are_a_list_that_keys_lead_through_and_a_forgotten_one_comes_back(
    page: Page, women: dict[str, list[Path]]
) -> None:
    drop(page, women["1"] + women["2"])
    side = page.get_by_test_id("stSidebar")
    expect(side.locator(".row")).to_have_count(2, timeout=SLOW)
    expect(side.get_by_text("1_L_CC.png")).to_be_visible()
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    first = page.url
    page.keyboard.press("j")
    expect(page).not_to_have_url(first, timeout=SLOW)
    expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=SLOW)
    page.keyboard.press("k")
    expect(page).to_have_url(first, timeout=SLOW)
    wait_until_drawn(page)

    page.get_by_role("button", name="Forget this case").click()
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_text("The case was forgotten")).to_be_visible(timeout=SLOW)
    expect(side.locator(".row")).to_have_count(0)
    page.get_by_role("button", name="Bring it back").click()
    expect(side.locator(".row")).to_have_count(2, timeout=SLOW)
    expect(page.get_by_text("The case was forgotten")).to_have_count(0)


def test_a_ruler_is_there_again_after_other_cases_and_pages_but_not_after_the_case_was_forgotten(
    page: Page, women: dict[str, list[Path]]
) -> None:
    drop(page, women["1"] + women["2"])
    side = page.get_by_test_id("stSidebar")
    expect(side.locator(".row")).to_have_count(2, timeout=SLOW)
    pane = page.locator(".viewer[data-ready=true] .stage .pane").first
    wait_until_drawn(page)
    ruled = re.compile(r", \d+(\.\d mm.*| pixels)(, AI|$)")
    expect(pane).not_to_have_attribute("aria-label", ruled)
    pane.focus()
    page.keyboard.press("l")
    page.keyboard.press("Enter")  # in the middle of the breast
    expect(pane).to_have_attribute("aria-label", ruled)
    first = re.compile(re.findall(r"case=[0-9a-f]{64}", page.url)[0])
    page.keyboard.press("j")
    expect(page).not_to_have_url(first, timeout=SLOW)
    wait_until_drawn(page)
    expect(pane).not_to_have_attribute("aria-label", ruled)
    page.keyboard.press("k")
    expect(page).to_have_url(first, timeout=SLOW)
    expect(pane).to_have_attribute("aria-label", ruled, timeout=SLOW)
    page.get_by_role("link", name="Thresholds").click()
    expect(page.get_by_role("heading", name="Thresholds")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Read").click()
    expect(pane).to_have_attribute("aria-label", ruled, timeout=SLOW)
    wait_until_drawn(page)

    page.get_by_role("button", name="Forget this case").click()
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_text("The case was forgotten")).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    assert page.evaluate("JSON.parse(sessionStorage.getItem('mammo measures')).cases") == {}
    page.get_by_role("button", name="Bring it back").click()
    expect(page).to_have_url(first, timeout=SLOW)
    wait_until_drawn(page)
    expect(pane).not_to_have_attribute("aria-label", ruled)
