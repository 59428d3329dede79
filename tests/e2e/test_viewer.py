"""The viewer in a real browser: what the reader sees, does, and sends."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.server import running_server
from tests.preprocessing.dicom_files import mammogram_file

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "apps" / "viewer_app.py"

GREY_IN_MIDDLE = """canvas => {
  const [x, y] = [canvas.width >> 1, canvas.height >> 1];
  return canvas.getContext("2d").getImageData(x, y, 1, 1).data[0];
}"""
#: First and last column of the canvas, in its middle row, that is brighter than black.
EXTENT = """canvas => {
  const row = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 1).data;
  const bright = [...Array(canvas.width).keys()].filter((x) => row[4 * x] > 8);
  return [bright[0], bright.at(-1)];
}"""
#: Of 6 x 4 pixels of the canvas, from a place on it.
GREYS = """(canvas, [x, y]) => {
  const { data } = canvas.getContext("2d").getImageData(x, y, 6, 4);
  return [...Array(24).keys()].map((i) => data[4 * i]);
}"""
CHECKSUM = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, i) => (sum + value * (i % 9973)) % 1000003, 0);
}"""


@dataclass
class Screen:
    """One open page, and everything it has sent to the server or complained about."""

    page: Page
    sent: list[object] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def viewer(self) -> Locator:
        return self.page.locator(".viewer")

    def pane(self, key: str) -> Locator:
        return self.page.locator(f'.pane[data-key="{key}"]')

    def canvas(self, key: str) -> Locator:
        return self.pane(key).locator("canvas")

    def chip(self, key: str, value: str) -> Locator:
        return self.pane(key).get_by_role("button", name=value, exact=True)

    def checksum(self, key: str) -> int:
        self.settle()
        return int(self.canvas(key).evaluate(CHECKSUM))

    def extent(self, key: str) -> list[int]:
        self.settle()
        return list(self.canvas(key).evaluate(EXTENT))

    def grey(self, key: str) -> int:
        self.settle()
        return int(self.canvas(key).evaluate(GREY_IN_MIDDLE))

    def greys(self, key: str, at: tuple[int, int]) -> list[int]:
        """Once every tile in view has come."""
        self.settle()
        expect(self.viewer).to_have_attribute("data-tiles", "complete")
        self.settle()
        return list(self.canvas(key).evaluate(GREYS, at))

    def zoom(self) -> float:
        self.settle()
        return float(self.viewer.get_attribute("data-zoom") or "nan")

    def settle(self) -> None:
        """Two frames: one to draw, one to be sure."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def drag(self, key: str, start: tuple[int, int], by: tuple[int, int]) -> None:
        bounds = self.pane(key).bounding_box()
        assert bounds is not None
        x, y = bounds["x"] + start[0], bounds["y"] + start[1]
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by[0], y + by[1], steps=5)
        self.page.mouse.up()
        self.settle()


@pytest.fixture
def show(browser: Browser, serve: Callable[[Path], str]) -> Iterator[Callable[[str], Screen]]:
    pages: list[Screen] = []

    def open_screen(query: str) -> Screen:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        screen = Screen(page)
        pages.append(screen)
        page.on("websocket", lambda ws: ws.on("framesent", lambda frame: screen.sent.append(frame)))
        page.on("pageerror", lambda error: screen.errors.append(str(error)))
        page.goto(f"{serve(APP)}/?{query}")
        expect(screen.viewer).to_have_attribute("data-ready", "true")
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        screen.settle()
        return screen

    yield open_screen
    for screen in pages:
        screen.page.close()
        assert screen.errors == []


Show = Callable[[str], Screen]


def test_the_right_breast_hangs_left_and_chest_walls_meet(show: Show) -> None:
    screen = show("panes=4")
    screen.page.get_by_label("All images in one row").click()
    boxes = {key: screen.pane(key).bounding_box() for key in ("RCC", "LCC", "RMLO", "LMLO")}
    right, left, below = boxes["RCC"], boxes["LCC"], boxes["RMLO"]
    assert right is not None
    assert left is not None
    assert below is not None
    assert right["x"] < left["x"]
    assert right["y"] < below["y"]
    width = int(right["width"])
    assert screen.extent("RCC")[1] == pytest.approx(width - 1, abs=1)
    assert screen.extent("LCC")[0] <= 1


@pytest.mark.slow
def test_the_breast_fills_the_pane_though_the_image_is_larger(show: Show) -> None:
    """The breast is 1800 of 2000 rows high, and gets a margin of 3 % of that above and below."""
    whole, filled = show("panes=2").zoom(), show("panes=2&breast=1").zoom()
    assert filled / whole == pytest.approx(2000 / (1800 * 1.06), rel=0.005)


@pytest.mark.slow
def test_an_image_filed_the_other_way_round_is_mirrored_and_says_so(show: Show) -> None:
    screen = show("panes=2&mirrored=1")
    expect(screen.pane("LCC").locator(".info")).to_contain_text("mirrored")


@pytest.mark.slow
def test_a_missing_view_is_named(show: Show) -> None:
    screen = show("panes=4&without=LMLO")
    expect(screen.page.get_by_text("no L-MLO")).to_be_visible()


@pytest.mark.slow
def test_a_further_view_lies_in_the_strip_and_a_click_enlarges_it(show: Show) -> None:
    screen = show("panes=5")
    expect(screen.page.locator('.strip .pane[data-key="LML"]')).to_be_visible()
    screen.pane("LML").click()
    expect(screen.pane("RCC")).to_be_hidden()
    screen.page.keyboard.press("Escape")
    expect(screen.pane("RCC")).to_be_visible()


def test_opacity_and_window_change_the_picture_and_send_nothing(show: Show) -> None:
    screen = show("panes=2")
    before = screen.checksum("RCC")
    screen.sent.clear()
    screen.page.get_by_label("Heatmap opacity").fill("90")
    expect(screen.viewer).to_have_attribute("data-opacity", "0.90")
    denser = screen.checksum("RCC")
    screen.page.keyboard.down("Shift")
    screen.drag("RCC", (300, 300), (60, 40))
    screen.page.keyboard.up("Shift")
    windowed = screen.checksum("RCC")
    screen.page.get_by_label("Hide heat below").fill("60")
    cut = screen.checksum("RCC")
    screen.page.get_by_label("Heatmap colours").select_option("viridis")
    recoloured = screen.checksum("RCC")
    screen.page.get_by_label("Heatmap style").select_option("contours")
    lined = screen.checksum("RCC")
    screen.drag("RCC", (300, 300), (60, 40))
    panned = screen.checksum("RCC")
    assert len({before, denser, windowed, cut, recoloured, lined, panned}) == 7
    assert screen.viewer.get_attribute("data-window") != "W 4000 L 2000"
    assert screen.sent == []


@pytest.mark.slow
def test_the_right_mouse_button_moves_the_window_too(show: Show) -> None:
    screen = show("panes=1")
    bounds = screen.pane("RCC").bounding_box()
    assert bounds is not None
    screen.page.mouse.move(bounds["x"] + 200, bounds["y"] + 200)
    screen.page.mouse.down(button="right")
    screen.page.mouse.move(bounds["x"] + 500, bounds["y"] + 200)
    screen.page.mouse.up(button="right")
    expect(screen.viewer).to_have_attribute("data-window", "W 8000 L 2000")


@pytest.mark.parametrize(
    ("preset", "grey"),
    [
        ("Normal", 64),  # 1000 of 0 to 4000: a quarter of 255
        # 1000 of 800 to 3200: a twelfth
        pytest.param("Harder", 21, marks=pytest.mark.slow),
        # 1 / (1 + e), 1000 being a quarter of the width below the centre
        pytest.param("Sigmoid", 69, marks=pytest.mark.slow),
    ],
)
def test_a_preset_shows_the_grey_the_standard_asks_for(show: Show, preset: str, grey: int) -> None:
    screen = show("flat=1000")
    screen.page.get_by_label("Window preset").select_option(preset)
    assert screen.grey("flat") == grey
    screen.page.get_by_label("Invert grey").click()
    assert screen.grey("flat") == pytest.approx(255 - grey, abs=1)


@pytest.mark.slow
def test_a_drag_moves_both_breasts_outwards(show: Show) -> None:
    screen = show("panes=2")
    screen.page.get_by_role("button", name="Show AI").click()
    right, left = screen.extent("RCC")[0], screen.extent("LCC")[1]
    screen.drag("RCC", (400, 300), (-60, 0))
    assert screen.extent("RCC")[0] == pytest.approx(right - 60, abs=1)
    assert screen.extent("LCC")[1] == pytest.approx(left + 60, abs=1)


@pytest.mark.slow
def test_unlinked_images_move_alone(show: Show) -> None:
    screen = show("panes=2")
    screen.page.get_by_label("Move images together").click()
    right, left = screen.checksum("RCC"), screen.checksum("LCC")
    screen.drag("RCC", (400, 300), (-60, 0))
    assert screen.checksum("RCC") != right
    assert screen.checksum("LCC") == left


@pytest.mark.slow
def test_the_wheel_zooms_at_the_cursor(show: Show) -> None:
    screen = show("panes=1")
    bounds = screen.pane("RCC").bounding_box()
    assert bounds is not None
    screen.page.get_by_role("button", name="Show AI").click()
    edge = screen.extent("RCC")[0]
    zoom = screen.zoom()
    screen.page.mouse.move(bounds["x"] + edge, bounds["y"] + bounds["height"] / 2)
    screen.page.mouse.wheel(0, -300)
    assert screen.zoom() == pytest.approx(zoom * 1.568, rel=0.01)  # e ** 0.45
    assert screen.extent("RCC")[0] == pytest.approx(edge, abs=2)


@pytest.mark.slow
def test_a_double_click_shows_one_image_pixel_per_screen_pixel(show: Show) -> None:
    screen = show("panes=1")
    fitted = screen.zoom()
    screen.pane("RCC").dblclick()
    assert screen.zoom() == 100.0
    screen.pane("RCC").dblclick()
    assert screen.zoom() == fitted


def test_the_keys_do_what_the_buttons_do(show: Show) -> None:
    screen = show("panes=2")
    fitted = screen.zoom()
    screen.pane("RCC").focus()
    press = screen.page.keyboard.press
    press("1")
    assert screen.zoom() == 100.0
    press("+")
    assert screen.zoom() == pytest.approx(115.0, abs=0.1)
    press("-")
    assert screen.zoom() == pytest.approx(100.0, abs=0.1)
    press("0")
    assert screen.zoom() == fitted
    press("i")
    expect(screen.page.get_by_label("Invert grey")).to_have_attribute("aria-pressed", "true")
    press("h")
    expect(screen.viewer).to_have_attribute("data-opacity", "0.00")
    press("i")
    before = screen.extent("RCC")[0]
    press("ArrowRight")
    assert screen.extent("RCC")[0] == pytest.approx(before - 40, abs=1)
    press("m")
    expect(screen.viewer).to_have_attribute("data-tool", "lens")
    press("]")
    press(",")
    expect(screen.viewer).to_have_attribute("data-window", "W 4600 L 2200")


@pytest.mark.slow
def test_hiding_the_ai_hides_heat_and_regions(show: Show) -> None:
    """With everything hidden the picture is grey: red equals blue in every pixel."""
    screen = show("panes=1")
    coloured = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) if (Math.abs(data[i] - data[i + 2]) > 4) count += 1;
      return count;
    }"""
    assert screen.canvas("RCC").evaluate(coloured) > 1000
    screen.pane("RCC").focus()
    screen.page.keyboard.press("h")
    screen.settle()
    assert screen.canvas("RCC").evaluate(coloured) == 0


def test_a_box_goes_to_python_once_in_the_images_own_pixels(show: Show) -> None:
    screen = show("flat=1000&height=676")  # the stage is then 600 high: zoom 1, one pixel each
    screen.page.get_by_label("One stored pixel").click()
    screen.page.get_by_label("Draw a box").click()
    bounds = screen.pane("flat").bounding_box()
    assert bounds is not None
    left = int((bounds["width"] - 400) / 2)
    top = int((bounds["height"] - 600) / 2)
    screen.sent.clear()
    screen.drag("flat", (left + 100, top + 200), (150, 50))
    shown = screen.page.get_by_text("flat: ")
    expect(shown).to_be_visible()
    numbers = [int(number) for number in shown.inner_text().removeprefix("flat: ").split()]
    assert numbers == pytest.approx([100, 200, 250, 250], abs=1)
    assert len(screen.sent) == 1
    expect(screen.viewer).to_have_attribute("data-builds", "1")
    screen.page.keyboard.press("Delete")
    expect(shown).to_have_count(0)


@pytest.mark.slow
def test_a_box_on_a_mirrored_image_is_in_that_images_own_pixels(show: Show) -> None:
    """On the screen the box lies at the chest wall; in the file that is the last columns."""
    screen = show("panes=2&mirrored=1")
    screen.page.get_by_label("Draw a box").click()
    screen.drag("LCC", (5, 200), (100, 100))
    shown = screen.page.get_by_text("LCC: ")
    expect(shown).to_be_visible()
    x0, _, x1, _ = (int(number) for number in shown.inner_text().removeprefix("LCC: ").split())
    scale = 100 / screen.zoom()
    assert x1 == pytest.approx(1000 - 5 * scale, abs=2)
    assert x0 == pytest.approx(1000 - 105 * scale, abs=2)


@pytest.mark.slow
def test_a_box_can_be_placed_and_moved_with_keys(show: Show) -> None:
    screen = show("panes=1")
    screen.pane("RCC").focus()
    for key in ("b", "Enter", "ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        screen.page.keyboard.press(key)
    expect(screen.page.get_by_text("RCC: ")).to_be_visible()


def test_texts_from_files_are_never_html(show: Show) -> None:
    screen = show("panes=1&title=%3Cimg%20src=x%20onerror=alert(1)%3E")
    expect(screen.pane("RCC").get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    expect(screen.viewer.locator("img")).to_have_count(0)


@pytest.mark.slow
def test_every_control_has_a_name_and_every_pane_can_be_reached(show: Show) -> None:
    screen = show("panes=2")
    nameless = """viewer => [...viewer.querySelectorAll("button, select, input, .pane")]
      .filter((control) => !control.getAttribute("aria-label") && !control.textContent.trim())
      .length"""
    assert screen.viewer.evaluate(nameless) == 0
    assert screen.pane("LCC").get_attribute("tabindex") == "0"
    expect(screen.pane("LCC")).to_have_attribute(
        "aria-label", "L CC, W 4000 L 2000 · zoom 35 % · reduced 2.0×, AI shown, regions: 1"
    )


@pytest.mark.slow
def test_the_viewer_can_leave_the_page_and_come_back(show: Show) -> None:
    screen = show("panes=2")
    away = screen.page.get_by_text("Away with the viewer")
    away.click()
    expect(screen.viewer).to_have_count(0)
    away.click()
    expect(screen.viewer).to_have_attribute("data-ready", "true")
    assert screen.extent("RCC")[0] > 0


def test_rulers_and_regions_are_kept_by_case_until_it_is_forgotten(show: Show) -> None:
    screen = show("panes=1&cases=1")
    page, pane = screen.page, screen.pane("RCC")
    ruled = re.compile(r"pixels, \d+\.\d mm at the detector, AI shown")
    for key, start in (("o", (600, 300)), ("l", (600, 200))):
        pane.focus()
        page.keyboard.press(key)
        screen.drag("RCC", start, (100, 50))
    expect(pane).to_have_attribute("aria-label", ruled)
    said = pane.get_attribute("aria-label")
    assert said is not None
    assert "mean" in said
    screen.sent.clear()

    away = page.get_by_text("Away with the viewer")
    away.click()
    expect(screen.viewer).to_have_count(0)
    away.click()
    expect(pane).to_have_attribute("aria-label", said)

    page.get_by_text("Second case").click()
    expect(pane).not_to_have_attribute("aria-label", ruled)
    page.get_by_text("Second case").click()
    expect(pane).to_have_attribute("aria-label", said)

    page.get_by_role("button", name="Forget the first").click()
    expect(pane).not_to_have_attribute("aria-label", ruled)
    assert page.evaluate("JSON.parse(sessionStorage.getItem('mammo measures')).cases") == {}

    again = re.compile(r"\d+\.\d mm at the detector, AI shown")
    pane.focus()  # it was brought back, and measured again
    page.keyboard.press("l")
    screen.drag("RCC", (600, 200), (100, 50))
    away.click()
    expect(screen.viewer).to_have_count(0)
    away.click()
    expect(pane).to_have_attribute("aria-label", again)
    assert not any("rulers" in str(frame) for frame in screen.sent)

    page.evaluate(  # as where somebody else signs in in this tab
        "sessionStorage.setItem('mammo measures', sessionStorage.getItem('mammo measures')"
        '.replace(\'"visitor":""\', \'"visitor":"anna"\'))'
    )
    away.click()
    expect(screen.viewer).to_have_count(0)
    away.click()
    expect(pane).not_to_have_attribute("aria-label", again)


#: 6 x 4 pixels of the checker, which begins dark or bright.
CHECKERS = (
    [0, 255, 0, 255, 0, 255, 255, 0, 255, 0, 255, 0] * 2,
    [255, 0, 255, 0, 255, 0, 0, 255, 0, 255, 0, 255] * 2,
)


@pytest.mark.parametrize("query", ["", pytest.param("&mirrored=1", marks=pytest.mark.slow)])
def test_a_checker_of_single_pixels_is_seen_at_one_to_one(show: Show, query: str) -> None:
    """What is sent first is the mean of both, and the pattern is nowhere in it."""
    screen = show(f"checker=1{query}")
    middle = screen.extent("LCC")[0] + 200
    assert set(screen.greys("LCC", (middle, 300))) == {128}
    screen.pane("LCC").dblclick()
    assert screen.zoom() == 100.0
    for place in ((400, 200), (601, 300), (300, 401)):  # tiles meet between them
        assert screen.greys("LCC", place) in CHECKERS
    screen.drag("LCC", (500, 300), (-37, 21))
    assert screen.greys("LCC", (400, 200)) in CHECKERS


@pytest.mark.slow
def test_one_to_one_counts_the_pixels_of_a_fine_screen(
    browser: Browser, serve: Callable[[Path], str]
) -> None:
    """Two pixels of the screen for one of the page: 100 % is half as large on the page."""
    page = browser.new_page(viewport={"width": 1400, "height": 900}, device_scale_factor=2)
    screen = Screen(page)
    page.goto(f"{serve(APP)}/?checker=1")
    expect(screen.viewer).to_have_attribute("data-ready", "true")
    screen.pane("LCC").dblclick()
    assert screen.zoom() == 100.0
    assert screen.greys("LCC", (801, 500)) in CHECKERS
    page.close()


@pytest.mark.slow
def test_between_overview_and_stored_pixels_no_more_is_fetched_than_the_page_holds(
    show: Show,
) -> None:
    screen = show("checker=1")
    screen.pane("LCC").focus()
    for _ in range(4):  # 17 % of 4096 rows fill the pane; 34 % are what the page holds
        screen.page.keyboard.press("+")
    screen.greys("LCC", (600, 300))
    fetched = """() => performance.getEntriesByType("resource")
      .filter(({ name }) => name.includes("/media/") && name.endsWith(".bin"))
      .map(({ encodedBodySize }) => encodedBodySize)"""
    assert screen.page.evaluate(fetched) == [1400 * 1138 * 2]
    screen.pane("LCC").dblclick()
    screen.greys("LCC", (600, 300))
    _, *bands = screen.page.evaluate(fetched)
    assert set(bands) == {256 * 3328 * 2}
    assert len(bands) <= 5  # of the 16 of the image those in view


@pytest.mark.slow
def test_the_lens_shows_stored_pixels_whatever_the_zoom(show: Show) -> None:
    screen = show("checker=1")
    bounds = screen.pane("LCC").bounding_box()
    assert bounds is not None
    screen.pane("LCC").focus()
    screen.page.keyboard.press("m")
    screen.page.mouse.move(bounds["x"] + 600, bounds["y"] + 300)
    screen.settle()
    assert screen.greys("LCC", (600, 300)) in CHECKERS
    assert set(screen.greys("LCC", (800, 300))) == {128}


@pytest.mark.slow
def test_window_and_invert_act_on_the_tiles_and_send_nothing(show: Show) -> None:
    screen = show("checker=1")
    screen.pane("LCC").dblclick()
    before = screen.greys("LCC", (400, 200))
    screen.sent.clear()
    screen.page.keyboard.press("i")
    screen.settle()
    assert screen.greys("LCC", (400, 200)) == [255 - grey for grey in before]
    screen.page.keyboard.press("r")
    screen.pane("LCC").dblclick()
    screen.page.keyboard.down("Shift")
    screen.drag("LCC", (400, 300), (300, 0))
    screen.page.keyboard.up("Shift")
    expect(screen.viewer).to_have_attribute("data-window", "W 8000 L 2000")
    assert set(screen.greys("LCC", (400, 200))) == {64, 191}  # a quarter, three quarters
    assert screen.sent == []


@pytest.mark.slow
def test_a_region_is_measured_on_stored_pixels_and_a_ruler_in_millimetres(show: Show) -> None:
    """Half of the checker is 0 and half 4000; a stored pixel is 0.07 mm wide."""
    screen = show("checker=1")
    pane = screen.pane("LCC")
    pane.dblclick()
    pane.focus()
    screen.page.keyboard.press("o")
    screen.drag("LCC", (400, 200), (100, 50))
    said = re.compile(r"mean 2000\.0, SD 2000\.0, of (5\d{3}) pixels")
    expect(pane).to_have_attribute("aria-label", said)
    screen.page.keyboard.press("l")
    screen.drag("LCC", (400, 200), (100, 0))
    expect(pane).to_have_attribute("aria-label", re.compile(r", 7\.0 mm$"))
    screen.page.keyboard.press("Delete")
    expect(pane).not_to_have_attribute("aria-label", re.compile("mm$"))
    expect(pane).to_have_attribute("aria-label", said)


@pytest.mark.slow
def test_what_is_stored_under_the_pointer_is_told(show: Show) -> None:
    screen = show("checker=1")
    screen.pane("LCC").dblclick()
    screen.greys("LCC", (0, 0))
    value = screen.viewer.locator(".value")
    bounds = screen.pane("LCC").bounding_box()
    assert bounds is not None
    for right in (0, 1):
        screen.page.mouse.move(bounds["x"] + 400 + right, bounds["y"] + 200)
        told = re.fullmatch(r"L CC, column (\d+), row (\d+): (\d+)", value.inner_text())
        assert told
        column, row, stored = (int(number) for number in told.groups())
        assert stored == 4000 * ((column + row) % 2)


def test_an_image_that_is_there_reduced_alone_is_told_in_stored_columns_and_about(
    show: Show,
) -> None:
    """Each of its pixels is the mean of two by two."""
    screen = show("panes=1")
    pane = screen.pane("RCC")
    pane.dblclick()
    bounds = pane.bounding_box()
    assert bounds is not None
    columns = []
    for right in (400, 500):
        screen.page.mouse.move(bounds["x"] + right, bounds["y"] + 300)
        screen.settle()
        said = screen.viewer.locator(".value").inner_text()
        told = re.fullmatch(r"R CC, column (\d+), row \d+: about \d+", said)
        assert told, said
        columns.append(int(told[1]))
    assert columns[1] - columns[0] == 200
    pane.focus()
    screen.page.keyboard.press("o")
    screen.drag("RCC", (400, 200), (100, 50))
    expect(pane).to_have_attribute("aria-label", re.compile(r"SD [\d.]+, of 5\d{3} reduced pixels"))


@pytest.mark.slow
def test_words_on_an_image_stand_out_from_whatever_lies_under_them(show: Show) -> None:
    corner = show("panes=1").viewer.locator(".corner").first
    assert corner.evaluate("words => getComputedStyle(words).textShadow") != "none"


#: Of each pane: pixels of its canvas, and how many the screen has for it.
DRAWN_AND_SHOWN = """panes => panes.map(pane => {
  const canvas = pane.querySelector("canvas");
  const { width, height } = canvas.getBoundingClientRect();
  return [[canvas.width, canvas.height], [width, height].map((one) => one * devicePixelRatio)];
})"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 1003, 640])
def test_no_word_below_the_picture_moves_or_stretches_it(show: Show, width: int) -> None:
    screen = show("panes=4")
    screen.page.set_viewport_size({"width": width, "height": 900})
    pane = screen.pane("LCC")
    screen.settle()
    before = pane.bounding_box()
    assert before is not None
    pane.focus()
    for tool in "vblo":
        screen.page.keyboard.press(tool)
        screen.page.mouse.move(before["x"] + 40, before["y"] + 200)
        screen.settle()
        assert screen.viewer.locator(".value").inner_text().startswith("L CC, column")
        assert pane.bounding_box() == before
    panes = screen.viewer.locator(".stage .pane:visible")
    for drawn, shown in panes.evaluate_all(DRAWN_AND_SHOWN):
        assert shown == pytest.approx(drawn, abs=0.01)


@pytest.mark.slow
def test_a_chip_corrects_the_view_and_tells_python(show: Show) -> None:
    screen = show("panes=2&chips=1")
    screen.page.get_by_role("group", name="View of R CC").get_by_text("MLO").click()
    expect(screen.page.get_by_text("RCC is R MLO")).to_be_visible()
    expect(screen.chip("RCC", "MLO")).to_have_attribute("aria-pressed", "true")


@pytest.mark.slow
@pytest.mark.parametrize("pause_ms", [0, 700])
def test_every_chip_clicked_while_the_page_runs_reaches_python(show: Show, pause_ms: int) -> None:
    screen = show("panes=4&chips=1&slow=1")
    for key, value in (("RCC", "L"), ("RCC", "MLO"), ("LMLO", "R"), ("LMLO", "CC")):
        screen.chip(key, value).click()
        assert screen.chip(key, value).get_attribute("aria-pressed") == "true"
        screen.page.wait_for_timeout(pause_ms)
    for said, key, values in (("RCC is L MLO", "RCC", "L MLO"), ("LMLO is R CC", "LMLO", "R CC")):
        expect(screen.page.get_by_text(said)).to_have_count(1)
        expect(screen.pane(key).locator(".name")).to_have_text(values)


@pytest.mark.slow
def test_without_a_taker_there_are_no_chips(show: Show) -> None:
    expect(show("panes=2").viewer.locator(".chip")).to_have_count(0)


@pytest.mark.slow
def test_truth_is_hidden_until_it_is_asked_for(show: Show) -> None:
    screen = show("panes=1&truth=1")
    before = screen.checksum("RCC")
    screen.pane("RCC").focus()
    screen.page.keyboard.press("t")
    assert screen.checksum("RCC") != before
    screen.page.keyboard.press("t")
    assert screen.checksum("RCC") == before


@pytest.mark.slow
def test_a_faint_map_says_so_while_it_is_shown(show: Show) -> None:
    screen = show("panes=1&faint=1")
    said = screen.pane("RCC").get_by_text("at most 12 % of the scale")
    expect(said).to_be_visible()
    screen.pane("RCC").focus()
    screen.page.keyboard.press("h")
    expect(said).to_be_hidden()


@pytest.mark.slow
def test_what_is_known_of_a_file_is_shown_when_asked_for(show: Show) -> None:
    screen = show("panes=1&facts=1")
    expect(screen.page.get_by_text("made up")).to_be_hidden()
    screen.page.get_by_label("What is known of the file").click()
    expect(screen.page.get_by_text("made up")).to_be_visible()


@pytest.mark.slow
def test_a_question_mark_lists_the_keys_and_escape_puts_them_away(show: Show) -> None:
    screen = show("panes=2&truth=1")
    screen.pane("RCC").focus()
    screen.page.keyboard.press("?")
    listed = screen.page.get_by_role("dialog", name="Keys of the viewer")
    expect(listed).to_be_visible()
    shown = listed.locator("kbd").all_inner_texts()
    assert {"1", "I", "L", "O", "G", "T", "H", "?", "Arrows"} <= set(shown)
    screen.page.keyboard.press("Escape")
    expect(listed).to_be_hidden()
    expect(screen.pane("RCC")).to_be_focused()


@pytest.mark.slow
def test_four_narrow_breasts_hang_in_one_row_and_pairs_are_one_key_away(show: Show) -> None:
    screen = show("panes=4")
    boxes = [screen.pane(key).bounding_box() for key in ("RCC", "LCC", "RMLO", "LMLO")]
    assert [box["y"] for box in boxes if box] == [boxes[0]["y"] if boxes[0] else None] * 4
    whole = screen.zoom()
    screen.page.get_by_label("Hanging").select_option("MLO pair")
    expect(screen.pane("RCC")).to_be_hidden()
    expect(screen.pane("LMLO")).to_be_visible()
    assert screen.zoom() > whole
    screen.pane("LMLO").focus()
    screen.page.keyboard.press("g")
    expect(screen.pane("RMLO")).to_be_visible()
    expect(screen.pane("RCC")).to_be_visible()
    expect(screen.pane("LMLO")).to_be_hidden()
    expect(screen.pane("RCC")).to_be_focused()  # the next key is heard as well


@pytest.mark.slow
def test_the_viewer_stays_dark_on_a_light_page(
    browser: Browser, settings: dict[str, str], tmp_path: Path
) -> None:
    colours = """viewer => [viewer, viewer.querySelector("select")].map((one) => {
      const { backgroundColor, colorScheme } = getComputedStyle(one);
      return [backgroundColor, colorScheme];
    })"""
    light = {**settings, "STREAMLIT_THEME_BASE": "light"}
    with running_server(APP, tmp_path / "light.log", light) as server:
        page = browser.new_page()
        page.goto(f"{server.url}/?panes=1")
        viewer = page.locator(".viewer")
        expect(viewer).to_have_attribute("data-ready", "true")
        (ground, scheme), (list_ground, _) = viewer.evaluate(colours)
        around = page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
        page.close()
    assert around == "rgb(255, 255, 255)"
    assert (ground, scheme, list_ground) == ("rgb(0, 0, 0)", "dark", "rgb(20, 24, 29)")


@pytest.mark.slow
def test_single_pixels_of_a_dicom_are_seen_on_the_page_and_in_the_lens(
    page: Page, tmp_path: Path
) -> None:
    """A breast of 4096 x 3328 pixels of 12 bits, alternately 1400 and 2600."""
    rows, columns = np.indices((4096, 3328), sparse=True)
    inside = (columns / 2600) ** 2 + ((rows - 2048) / 1800) ** 2 < 1
    checker = np.where((rows + columns) % 2 == 1, 2600, 1400)
    pixels = np.where(inside, checker, 0).astype(np.uint16)
    (tmp_path / "left.dcm").write_bytes(mammogram_file(pixels, ImageLaterality="L"))
    page.goto(page.url.split("?")[0] + "?model=phantom-light")  # which scores no such image
    page.locator("input[type=file]").first.set_input_files(tmp_path / "left.dcm")
    screen = Screen(page)
    expect(page.locator(".pane")).to_have_count(1)  # the example has four
    expect(screen.viewer).to_have_attribute("data-ready", "true")
    screen.page.locator(".pane").focus()
    key = screen.page.locator(".pane").get_attribute("data-key") or ""
    page.keyboard.press("m")
    drawn = page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
    expect(drawn).to_have_count(1)
    bounds = screen.pane(key).bounding_box()
    assert bounds is not None
    middle = (int(bounds["width"]) // 2, int(bounds["height"]) // 2)
    page.mouse.move(bounds["x"] + middle[0], bounds["y"] + middle[1])
    screen.settle()
    seen = screen.greys(key, middle)
    assert len(set(seen)) == 2
    assert seen[:6] == seen[:2] * 3
    page.keyboard.press("m")
    page.keyboard.press("1")
    again = screen.greys(key, middle)
    assert set(again) == set(seen)
    assert again[:6] == again[:2] * 3
