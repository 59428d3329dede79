"""The case list in a real browser, and the way from a mistake to its image, to Read and back."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from mammo_core.config import DataConfig, ModelConfig, RunConfig, save_settings
from mammo_core.datasets.dataset import Registered, read_dataset, register
from mammo_core.datasets.predictions import predictions_table
from mammo_core.files import tags_root
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.sidecars import Embeddings, write_embeddings
from mammo_core.types import CANCER
from tests.e2e.screens import wait_until_drawn
from tests.e2e.server import Server
from tests.predictions import write_run

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "apps" / "caselist_app.py"
RUN = "20260101-000000-tiny_cnn-case"
OTHER = "20260102-000000-tiny_cnn-othr"
SCATTER = "[class*=st-key-agreement_]"
#: At each of 60 places the share of the list's height that rows cover right after it was moved
#: there, and how many rows there are in all.
SCROLL = """async scroller => {
  const seen = [];
  for (let step = 0; step < 60; step += 1) {
    scroller.scrollTop = (step * 7919) % (scroller.scrollHeight - scroller.clientHeight);
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const frame = scroller.getBoundingClientRect();
    const rows = [...scroller.querySelectorAll(".row")].map((row) => row.getBoundingClientRect());
    const inView = rows.filter((row) => row.bottom > frame.top && row.top < frame.bottom);
    const part = (row) => Math.min(row.bottom, frame.bottom) - Math.max(row.top, frame.top);
    const high = inView.reduce((sum, row) => sum + part(row), 0);
    seen.push([high / scroller.clientHeight, rows.length]);
  }
  return seen;
}"""


@pytest.fixture(autouse=True)
def untagged(home: Path) -> None:
    """What another test tagged would cut these results as well."""
    shutil.rmtree(tags_root(home), ignore_errors=True)


@pytest.fixture
def listed(browser: Browser, serve: Callable[[Path], str]) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(serve(APP))
    expect(page.locator(".case-list")).to_have_attribute("data-shown", "500")
    yield page
    page.close()
    assert errors == []


@pytest.mark.slow
def test_500_rows_scroll_without_a_blank_one_and_few_are_drawn(listed: Page) -> None:
    seen = listed.locator(".scroller").evaluate(SCROLL)
    assert min(share for share, _ in seen) > 0.97
    assert max(drawn for _, drawn in seen) < 80
    expect(listed.locator(".row img").first).to_be_visible()


def test_a_click_opens_a_case_and_j_and_k_go_on_from_there(listed: Page) -> None:
    listed.locator(".row").nth(4).click()
    expect(listed.get_by_text("Python has case004")).to_be_visible()
    listed.keyboard.press("j")
    expect(listed.get_by_text("Python has case005")).to_be_visible()
    listed.keyboard.press("k")
    listed.keyboard.press("k")
    expect(listed.get_by_text("Python has case003")).to_be_visible()
    row = listed.get_by_role("option", name=re.compile("woman 003;"))
    expect(row).to_have_attribute("aria-selected", "true")
    expect(row).to_contain_text("no picture")
    listed.get_by_label("Next case (J)").click()
    expect(listed.get_by_text("Python has case004")).to_be_visible()


@pytest.mark.slow
def test_what_is_done_while_the_page_still_runs_is_heard_all_of_it(
    browser: Browser, serve: Callable[[Path], str]
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{serve(APP)}/?slow=1")
    expect(page.locator(".case-list")).to_have_attribute("data-shown", "500")
    for tag in ("first", "second", "third"):
        page.get_by_label("Tag", exact=True).fill(tag)
        page.get_by_role("button", name="Give this tag").click()
    expect(page.get_by_text("tags in order: first second third")).to_be_visible()
    page.close()


@pytest.mark.slow
def test_what_is_shown_is_searched_sorted_and_filtered_and_can_be_tagged(listed: Page) -> None:
    shown = listed.locator(".case-list")
    listed.get_by_label("Sort by").select_option("score")
    expect(listed.locator('.row[aria-posinset="1"]')).to_contain_text("woman 499")
    listed.get_by_label("Show the filters").click()
    listed.get_by_label("label", exact=True).select_option("cancer")
    expect(shown).to_have_attribute("data-shown", "100")
    listed.get_by_label("score from").fill("0.5")
    listed.get_by_label("score from").press("Enter")
    expect(shown).to_have_attribute("data-shown", "50")
    listed.get_by_label("age from").fill("60")
    listed.get_by_label("age from").press("Enter")
    expect(shown).to_have_attribute("data-shown", "24")
    listed.get_by_label("age from").fill("0")
    listed.get_by_label("age from").press("Enter")
    listed.get_by_label("Search the cases").fill("MLO woman")
    expect(shown).to_have_attribute("data-shown", "26")
    listed.get_by_label("Tag", exact=True).fill("look again")
    listed.get_by_label("Tag", exact=True).press("Enter")
    expect(listed.get_by_text("look again: 26, first case495, False")).to_be_visible()
    listed.keyboard.press("Tab")  # a letter typed in a field opens nothing
    listed.locator(".row").first.click()
    expect(listed.get_by_text('"label":"cancer"')).to_be_visible()


@pytest.fixture(scope="module")
def run_id(
    checkpoints: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Twelve drawn women whose images are here, scored at random."""
    folder = tmp_path_factory.mktemp("women") / "set"
    write_phantom_set(folder, women=12, seed=3, size=(256, 128))
    manifest = read_dataset(folder).manifest.assign(split="test")
    register(
        home / "datasets",
        Registered(name="twelve", folder=str(folder), adapter="phantom_set", label_rule="lesion"),
    )
    score = np.random.default_rng(0).random(len(manifest))
    table = predictions_table(
        manifest, np.stack([1 - score, score], axis=1), task=CANCER, dataset="twelve",
        model_id=RUN, engine="made up",
    )  # fmt: skip
    run = write_run(checkpoints, RUN, table)
    config = RunConfig(
        data=DataConfig(folder="twelve", adapter="phantom_set", label_rule="lesion"),
        model=ModelConfig(backbone="tiny_cnn"),
    )
    save_settings(config, run.file("run.json"))
    vectors = np.random.default_rng(1).normal(size=(len(table), 4)).astype(np.float32)
    write_embeddings(run, Embeddings(vectors=vectors, images=table), weights_sha256="0" * 64)
    yield RUN
    shutil.rmtree(run.path)  # Read would begin with the newest


@pytest.mark.slow
def test_a_cell_leads_to_its_images_to_read_and_back_with_threshold_and_cell_kept(
    page: Page, app: Server, run_id: str
) -> None:
    page.goto(f"{app.url}/thresholds?run={run_id}&threshold=0.6")
    page.locator(".cell.missed").click()
    expect(page).to_have_url(re.compile(r"cases=missed(&|$)"))
    expect(page.locator(".case-list")).to_have_attribute("data-ready", "true")
    row = page.locator(".row").last
    name = row.locator(".name").inner_text()
    row.click()
    expect(page.locator(".viewer")).to_have_attribute("data-ready", "true")
    truth = page.get_by_role("button", name="Truth boxes (T)")
    expect(truth).to_be_visible()
    search, cases = page.get_by_label("Search the cases"), page.locator(".case-list")
    search.fill(name)  # after the last click, of which alone Python is told at once
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("button", name="Open in Read").click()
    back = page.get_by_role("link", name="Back to Thresholds")
    expect(back).to_be_visible()
    expect(page.get_by_text("Truth by the data set")).to_be_visible()
    expect(page.locator(".viewer .pane")).to_have_count(4)
    expect(truth).to_have_attribute("aria-pressed", "false")
    truth.click()
    expect(truth).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
    back.click()
    expect(page.locator(".case-list")).to_have_attribute("data-ready", "true")
    expect(page).to_have_url(re.compile(r"threshold=0\.6(&|$)"))
    expect(page).to_have_url(re.compile(r"cases=missed(&|$)"))
    expect(page.locator(".row.opened .name")).to_have_text(name)
    expect(search).to_have_value(name)
    expect(cases).to_have_attribute("data-shown", "1")


@pytest.mark.slow
@pytest.mark.parametrize("by", ["density", "site"])
def test_a_click_on_a_row_of_slices_opens_exactly_the_cases_of_that_row(
    page: Page, app: Server, run_id: str, checkpoints: Path, by: str
) -> None:
    page.goto(
        f"{app.url}/thresholds?run={run_id}&threshold=0.6&judge=Slices&count_level=image&cut={by}"
    )
    table = page.locator(f".st-key-slices_{by}")
    rows = table.locator("table [role=row], table tr")
    expect(rows.nth(1)).to_be_attached()
    wait_until_drawn(page)
    place = rows.count() - 2  # the last part, with the head above them
    cells = rows.nth(place + 1).locator("td").all_inner_texts()
    grid = table.locator(".dvn-scroller")
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 40, "y": 35 * (place + 1) + 18})
    cases = page.locator(".case-list")
    expect(cases).to_have_attribute("data-ready", "true")
    images = pd.read_csv(checkpoints / run_id / "predictions.csv")
    expected = set(images.loc[images[by] == cells[0], "image_id"])
    counted = [re.match(r"\d+ of (\d+)", cell) for cell in cells]
    assert sum(int(one[1]) for one in counted if one) == len(expected)  # by truth, of the two rates
    expect(cases).to_have_attribute("data-shown", str(len(expected)))
    expect(cases.locator(".row")).to_have_count(len(expected))
    keys = cases.locator(".row").evaluate_all("rows => rows.map((row) => row.dataset.key)")
    assert set(keys) == expected


@pytest.mark.slow
def test_cases_are_tagged_in_the_list_and_the_tag_cuts_the_results(
    page: Page, app: Server, run_id: str
) -> None:
    page.goto(f"{app.url}/thresholds?run={run_id}&threshold=0.6&judge=Mistakes&count_level=image")
    expect(page.locator(".case-list")).to_have_attribute("data-ready", "true")
    shown = int(page.locator(".case-list").get_attribute("data-shown") or 0)
    page.get_by_label("Tag", exact=True).fill("hard")
    page.get_by_role("button", name="Give this tag").click()
    expect(page.locator(".row").first.locator(".chip.tag")).to_have_text("hard")
    page.get_by_role("radio", name="Slices").click()
    page.get_by_role("radio", name="tag", exact=True).click()
    page.get_by_role("radio", name="hard", exact=True).click()
    expect(page.locator(".case-list")).to_have_attribute("data-shown", str(shown))
    expect(page.locator(".row").first.locator(".chip.tag")).to_have_text("hard")


#: A click on the way to Compare, and what a list or a slider of the page that is left then tells.
LEAVE = """([asks, moves]) => {
  const link = [...document.querySelectorAll("[data-testid=stPageLink-NavLink]")]
    .find((each) => each.textContent.includes("Compare"));
  const slider = [...document.querySelectorAll("*")]
    .map((each) => each.shadowRoot?.querySelector("input[type=range]")).find(Boolean);
  link.click();
  if (asks) for (const shelf of globalThis.mammoscopeShelves.values()) shelf.ask(["W0001_L_CC"]);
  if (moves) {
    slider.value = 0.3;
    slider.dispatchEvent(new Event("input"));
    slider.dispatchEvent(new Event("change"));
  }
}"""


@pytest.mark.slow
@pytest.mark.parametrize("told", [(True, False), (False, True)], ids=["pictures", "threshold"])
def test_a_page_is_there_whatever_the_page_before_still_had_to_tell(
    page: Page, app: Server, run_id: str, told: tuple[bool, bool]
) -> None:
    page.goto(f"{app.url}/thresholds?run={run_id}&threshold=0.6&judge=Mistakes&count_level=image")
    expect(page.locator(".case-list")).to_have_attribute("data-ready", "true")
    wait_until_drawn(page)
    page.evaluate(LEAVE, list(told))
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    page.wait_for_timeout(3000)  # for what was told to be answered
    wait_until_drawn(page)
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()


def draw_around_the_left_half(page: Page, figure: str) -> None:
    drawn = page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
    expect(drawn).to_be_visible()
    page.wait_for_timeout(1500)  # Plotly draws a figure anew after the page has said it is done
    plot = page.locator(f"{figure} .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    corners = ((0.01, 0.02), (0.5, 0.02), (0.5, 0.98), (0.01, 0.98), (0.01, 0.05))
    (x, y), *others = [
        (box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in corners
    ]
    page.mouse.move(x, y)
    page.mouse.down()
    for to in others:
        page.mouse.move(*to, steps=8)
    page.mouse.up()


def tag_all_shown(page: Page, tag: str) -> int:
    """How many cases were tagged, of the list that stands when the page is at rest."""
    wait_until_drawn(page)
    expect(page.locator(".case-list")).to_have_attribute("data-ready", "true")
    shown = int(page.locator(".case-list").get_attribute("data-shown") or 0)
    page.get_by_label("Tag", exact=True).fill(tag)
    page.get_by_role("button", name="Give this tag").click()
    expect(page.locator(".row").first.locator(".chip.tag", has_text=tag)).to_be_visible()
    return shown


def expect_slice(page: Page, tag: str, images: int) -> None:
    page.get_by_role("radio", name="Slices").click()
    page.locator(".st-key-cut").get_by_role("radio", name="tag", exact=True).click()  # not a map's
    page.get_by_role("radio", name=tag, exact=True).click()
    expect(page.locator(".case-list")).to_have_attribute("data-shown", str(images))


@pytest.mark.slow
def test_images_drawn_around_on_the_map_are_tagged_and_the_tag_is_a_slice_and_a_colour(
    page: Page, app: Server, run_id: str
) -> None:
    address = f"{app.url}/thresholds?run={run_id}&threshold=0.6&count_level=image&judge=Map"
    page.goto(address)
    for colour in ("score", "site", "machine", "label"):
        chosen = page.get_by_role("radio", name=colour, exact=True)
        chosen.click()
        expect(chosen).to_have_attribute("aria-checked", "true")
    expect(page.locator(".case-list")).to_have_attribute("data-shown", "48")
    draw_around_the_left_half(page, ".st-key-map")
    expect(page.get_by_text(re.compile(r"^\d+ images drawn around$"))).to_be_visible()
    tagged = tag_all_shown(page, "left")
    assert 0 < tagged < 48
    expect_slice(page, "left", tagged)
    page.goto(address)
    page.get_by_role("radio", name="tag", exact=True).click()
    expect(page.locator(".st-key-map .legendtext", has_text="left")).to_be_visible()


@pytest.fixture
def other_id(run_id: str, checkpoints: Path) -> Iterator[str]:
    """The same women, scored otherwise."""
    table = pd.read_csv(checkpoints / run_id / "predictions.csv", dtype={"patient_id": str})
    score = np.random.default_rng(5).random(len(table))
    scores = {"score": score, "p_cancer": score, "p_no cancer": 1 - score}
    run = write_run(checkpoints, OTHER, table.assign(model_id=OTHER, **scores))
    yield OTHER
    shutil.rmtree(run.path)


def open_disagreements(page: Page, app: Server, run_id: str, other_id: str) -> None:
    page.goto(
        f"{app.url}/compare?models={run_id}&models={other_id}&compare_level=breast"
        "&compare_section=Disagreements"
    )
    expect(page.get_by_text("24 of 24 cases, those that the two rank")).to_be_visible()


@pytest.mark.slow
def test_breasts_drawn_around_in_the_scatter_lead_to_read_and_back_with_choice_and_place_kept(
    page: Page, app: Server, run_id: str, other_id: str
) -> None:
    open_disagreements(page, app, run_id, other_id)
    draw_around_the_left_half(page, SCATTER)
    told = page.get_by_text("those chosen in the figure")
    expect(told).to_be_visible()
    wait_until_drawn(page)
    cases = page.locator(".case-list")
    shown = cases.get_attribute("data-shown") or ""
    assert 0 < int(shown) < 24
    orders = page.get_by_label("Sort by").locator("option")
    expect(orders.get_by_text(f"score by {other_id}", exact=True)).to_have_count(1)
    row = page.locator(".row").last
    name = row.locator(".name").inner_text()
    row.click()
    expect(page.locator(".viewer")).to_have_attribute("data-ready", "true")
    page.get_by_label("Search the cases").fill(name)
    page.get_by_role("button", name="Open in Read").click()
    back = page.get_by_role("link", name="Back to Compare")
    expect(back).to_be_visible()
    expect(page.get_by_text("Truth by the data set")).to_be_visible()
    wait_until_drawn(page)
    back.click()
    expect(told).to_be_visible()
    expect(page.get_by_text("All compared on the same 24 cases.")).to_be_visible()
    expect(page.get_by_label("Search the cases")).to_have_value(name)
    expect(page.locator(".row.opened .name")).to_have_text(name)
    page.get_by_label("Search the cases").fill("")
    expect(cases).to_have_attribute("data-shown", shown)
    page.get_by_role("button", name="List all again").click()
    expect(cases).to_have_attribute("data-shown", "24")


@pytest.mark.slow
def test_breasts_drawn_around_where_two_models_disagree_are_tagged_and_the_tag_is_a_slice(
    page: Page, app: Server, run_id: str, other_id: str
) -> None:
    open_disagreements(page, app, run_id, other_id)
    draw_around_the_left_half(page, SCATTER)
    expect(page.get_by_text("those chosen in the figure")).to_be_visible()
    tagged = tag_all_shown(page, "apart")
    assert 0 < tagged < 24
    page.goto(f"{app.url}/thresholds?run={run_id}&threshold=0.6&count_level=breast")
    expect_slice(page, "apart", tagged)
