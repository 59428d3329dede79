"""A reader moves the threshold by keyboard, shares the address, and finds the same numbers."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mammo_core.runs.naming import run_title
from mammo_core.runs.operating_points import point_in_force
from tests.e2e.screens import wait_until_drawn
from tests.e2e.server import Server
from tests.predictions import made_up_predictions, write_run

pytestmark = pytest.mark.e2e

RUN = "20260101-000000-tiny_cnn-thre"
# Some are sent before the one before is answered, and some before they are sent.
PRESS_ARROW_RIGHT = """async (slider) => {
    const box = slider.getRootNode().querySelector("input[type=number]");
    const steps = [];
    for (let step = 0; step < 40; step++) {
        slider.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
        await new Promise((resolve) => setTimeout(resolve, step < 20 ? 30 : 410));
        steps.push(Number(box.value));
    }
    return steps;
}"""


@pytest.fixture(scope="module")
def run_id(checkpoints: Path) -> str:
    write_run(checkpoints, RUN, made_up_predictions(women=100, with_cancer=40, skill=2.0))
    return RUN


@pytest.fixture
def thresholds(page: Page, app: Server, run_id: str) -> Page:
    page.goto(f"{app.url}/thresholds?run={run_id}&threshold=0.5")
    expect(page.locator(".threshold")).to_have_attribute("data-ready", "true")
    return page


def rate(page: Page, name: str) -> str:
    return page.locator(".rates div", has_text=name).inner_text().replace("\n", " ")


def test_the_threshold_moves_by_keyboard_and_stays_in_the_address(
    thresholds: Page, take_picture: Callable[[str], None]
) -> None:
    slider = thresholds.get_by_label("Decision threshold")
    slider.focus()
    slider.press("Home")
    told = rate(thresholds, "Sensitivity")
    assert told.startswith("Sensitivity (recall) 100.0 % 0 of 40 cancers missed")
    thresholds.wait_for_timeout(450)  # Home is sent
    steps: list[float] = slider.evaluate(PRESS_ARROW_RIGHT)  # while the server answers
    assert steps == sorted(set(steps))
    # Only what stands in the address outlives the reload: the last step is sent a moment later.
    shown = steps[-1]
    thresholds.wait_for_function(
        "shown => Math.abs(new URLSearchParams(location.search).get('threshold') - shown) < 2e-6",
        arg=shown,
    )
    assert shown > 0
    moved = rate(thresholds, "Recall rate")
    assert "of 200 breasts called" in moved
    assert "200 of 200" not in moved
    thresholds.reload()
    expect(thresholds.locator(".threshold")).to_have_attribute("data-ready", "true")
    assert rate(thresholds, "Recall rate").startswith(moved.strip())
    take_picture("thresholds")


#: By the size of the window what of the page stands in it whole, before anything is scrolled.
FIRST_SCREENS = {
    (1440, 900): (".threshold .classes", ".rates .value", ".cell", ".st-key-roc .js-plotly-plot"),
    (1280, 800): (".threshold .classes", ".rates .value"),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", FIRST_SCREENS, ids=lambda size: f"{size[0]}x{size[1]}")
def test_strip_numbers_matrix_and_roc_stand_on_the_first_screen(
    thresholds: Page, size: tuple[int, int]
) -> None:
    width, height = size
    thresholds.set_viewport_size({"width": width, "height": height})
    thresholds.reload()
    expect(thresholds.locator(".st-key-roc .js-plotly-plot")).to_be_visible()
    wait_until_drawn(thresholds)
    for name in ("Sensitivity", "Specificity", "Recall rate", "PPV", "NPV"):
        expect(thresholds.locator(".rates div", has_text=name)).to_be_in_viewport(ratio=1)
    for selector in FIRST_SCREENS[size]:
        for part in thresholds.locator(selector).all():
            box = part.bounding_box()
            assert box is not None
            assert box["x"] >= 0, selector
            assert box["y"] >= 0, selector
            assert box["x"] + box["width"] <= width, selector
            assert box["y"] + box["height"] <= height, selector


@pytest.mark.slow
def test_a_cell_and_a_bar_lead_to_their_cases_by_keyboard(thresholds: Page) -> None:
    cell = thresholds.get_by_role("button", name=re.compile("missed of 40 with cancer"))
    missed = int((cell.locator("b")).inner_text())
    cell.press("Enter")
    panel = thresholds.locator(".st-key-opened_cases")
    expect(panel).to_contain_text(re.compile(f"{missed} breasts?: cancers missed"))
    expect(panel).to_be_focused()
    expect(thresholds).to_have_url(re.compile("cases=missed"))
    bars = thresholds.get_by_label("Scores: arrow keys choose a bar")
    bars.press("ArrowRight")
    told = thresholds.locator(".class-name").first
    expect(told).to_contain_text(re.compile(r"[1-9]\d* with cancer, 0\.\d+ to 0\.\d+"))
    bars.press("Enter")
    expect(panel).to_contain_text(re.compile(r"breasts? with cancer that score 0\.\d+ to 0\.\d+"))
    panel.get_by_role("button", name="Close").press("Enter")
    expect(panel).to_have_count(0)


def test_a_threshold_is_locked_where_it_was_chosen_and_unlocked_by_keyboard(
    page: Page, app: Server, checkpoints: Path
) -> None:
    table = made_up_predictions(women=100, with_cancer=40, skill=2.0)
    table["split"] = table["patient_id"].map(lambda name: "val" if int(name[1:]) % 2 else "test")
    run = write_run(checkpoints, "20260101-000000-tiny_cnn-lock", table)
    page.goto(f"{app.url}/thresholds?run={run.run_id}")
    expect(page.locator(".threshold")).to_have_attribute("data-ready", "true")
    expect(
        page.get_by_role("heading", name=f"{run_title(run)}: test split, by breast")
    ).to_be_visible()
    page.get_by_label("Decision threshold").press("PageUp")
    expect(page).to_have_url(re.compile("chosen=.*test"))
    page.get_by_role("radio", name="val", exact=True).press("Space")
    expect(
        page.get_by_text("Lock is off: This threshold was chosen on the test split")
    ).to_be_visible()
    lock = page.get_by_role("button", name=re.compile(r"^Lock 0\.\d+"))
    expect(lock).to_be_disabled()
    expect(lock).to_be_in_viewport()
    page.get_by_label("Decision threshold").press("PageUp")
    expect(lock).to_be_enabled()
    lock.press("Enter")
    page.get_by_role("button", name=re.compile("as the operating point")).press("Enter")
    expect(page.get_by_text(re.compile(r"Locked: 0\.\d+ by breast, since"))).to_be_visible()
    locked = point_in_force(run)
    assert locked is not None
    assert locked.split == "val"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Unlock").first.press("Enter")
    page.locator(".st-key-unlock button").press("Enter")
    expect(page.get_by_text("No threshold is locked for this model.").first).to_be_visible()
    assert point_in_force(run) is None


@pytest.mark.slow
def test_a_click_on_the_roc_curve_sets_the_threshold(thresholds: Page) -> None:
    plot = thresholds.locator(".st-key-roc .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    at_half = (box["x"] + 0.01 * box["width"], box["y"] + box["height"] / 2)
    thresholds.mouse.move(*at_half)  # left edge, half way up: half the cancers, few false alarms
    thresholds.mouse.click(*at_half)
    expect(thresholds).not_to_have_url(re.compile(r"threshold=0\.5(&|$)"))
    expect(thresholds.locator(".rates div", has_text="Specificity")).to_contain_text(
        re.compile(r"(9[5-9]\.\d|100\.0) %")
    )


@pytest.mark.slow
def test_the_numbers_are_those_of_the_counted_unit(thresholds: Page) -> None:
    assert "of 200 breasts called" in rate(thresholds, "Recall rate")
    thresholds.get_by_role("radio", name="image", exact=True).click()
    expect(thresholds.locator(".rates div", has_text="Recall rate")).to_contain_text(
        "of 400 images called"
    )


@pytest.mark.slow
def test_no_table_offers_the_csv_that_a_spreadsheet_would_run(thresholds: Page) -> None:
    """Streamlit writes cells as they are: what begins with "=" would be a formula."""
    thresholds.get_by_test_id("stDataFrame").first.hover()
    expect(thresholds.get_by_role("button", name="Search").first).to_be_visible()
    offered = thresholds.locator('button[aria-label^="Download as CSV"]')
    expect(offered.first).to_be_attached()
    assert [one.is_visible() for one in offered.all()] == [False] * offered.count()
