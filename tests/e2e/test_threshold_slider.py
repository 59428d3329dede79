"""The threshold slider in a real browser. The four breasts of its page can be counted by hand:
scores 0.2, 0.6, 0.7, 0.7, of which 0.6 and one 0.7 have cancer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "apps" / "threshold_app.py"
#: Moves the thumb as a drag does; the median time the numbers took to follow, in ms.
DRAG = """track => {
  const times = [];
  for (let step = 0; step < 200; step += 1) {
    track.value = step / 200;
    const started = performance.now();
    track.dispatchEvent(new Event("input"));
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[100];
}"""
Show = Callable[..., Page]


@pytest.fixture
def sent() -> list[object]:
    return []


@pytest.fixture
def show(
    browser: Browser, serve: Callable[[Path], str], sent: list[object]
) -> Iterator[Callable[[str], Page]]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    errors: list[str] = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: sent.append(frame)))
    page.on("pageerror", lambda error: errors.append(str(error)))

    def open_page(query: str = "") -> Page:
        page.goto(f"{serve(APP)}/?{query}")
        expect(page.locator(".threshold")).to_have_attribute("data-ready", "true")
        expect(page.get_by_text("Python has 0.500000")).to_be_visible()
        return page

    yield open_page
    page.close()
    assert errors == []


def rate(page: Page, name: str) -> str:
    return page.locator(".rates div", has_text=name).inner_text().replace("\n", " ")


def test_every_rate_comes_with_its_counts(show: Show) -> None:
    page = show()
    assert rate(page, "Sensitivity") == "Sensitivity (recall) 100.0 % 0 of 2 cancers missed"
    assert rate(page, "Specificity") == "Specificity 50.0 % 1 of 2 without cancer called"
    assert rate(page, "Recall rate") == "Recall rate 75.0 % 3 of 4 breasts called"
    assert rate(page, "PPV") == "PPV 66.7 % 2 of 3 called have cancer"
    assert rate(page, "NPV") == "NPV 100.0 % 1 of 1 not called have none"
    expect(page.locator(".screening")).to_have_text(
        "Per 1,000 breasts, 6.0 of them with cancer: 503 called, 6.0 cancers found, 0.0 missed, "
        "497 false alarms (PPV 1.2 %)."
    )


def test_numbers_follow_the_drag_and_only_the_release_is_sent(
    show: Show, sent: list[object]
) -> None:
    page = show()
    bounds = page.get_by_label("Decision threshold").bounding_box()
    assert bounds is not None
    y = bounds["y"] + bounds["height"] / 2
    page.mouse.move(bounds["x"] + bounds["width"] / 2, y)
    page.mouse.down()
    sent.clear()
    page.mouse.move(bounds["x"] + 0.65 * bounds["width"], y, steps=20)
    expect(page.locator(".rates")).to_contain_text("1 of 2 cancers missed")
    assert sent == []
    page.mouse.up()
    expect(page.get_by_text("Python has 0.65")).to_be_visible()
    assert len(sent) == 1


@pytest.mark.slow
def test_a_case_exactly_at_the_threshold_is_called(show: Show) -> None:
    page = show()
    page.get_by_label("Threshold", exact=True).fill("0.7")
    page.keyboard.press("Enter")
    assert rate(page, "Recall rate") == "Recall rate 50.0 % 2 of 4 breasts called"
    expect(page.get_by_text("Python has 0.700000")).to_be_visible()


@pytest.mark.slow
def test_an_arrow_key_goes_to_the_next_score(show: Show) -> None:
    page = show()
    page.get_by_label("Decision threshold").focus()
    thresholds = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "Home"):
        page.keyboard.press(key)
        thresholds.append(page.locator(".threshold").get_attribute("data-threshold"))
    assert thresholds == ["0.6", "0.7", "1", "0.7", "0.6", "0"]
    expect(page.get_by_text("Python has 0.000000 after 2 runs")).to_be_visible()


@pytest.mark.slow
def test_by_rank_the_middle_of_the_track_calls_half_of_the_cases(show: Show) -> None:
    page = show("cases=2000")
    page.get_by_label("Move along").select_option("rank of the case")
    track = page.get_by_label("Decision threshold")
    track.evaluate("track => { track.value = 0.5; track.dispatchEvent(new Event('input')); }")
    assert rate(page, "Recall rate") == "Recall rate 50.0 % 1,000 of 2,000 breasts called"


@pytest.mark.slow
def test_halves_are_rounded_as_python_rounds_them(show: Show) -> None:
    """15 of 16 are 93.75 %, 1 of 16 is 6.25 %: Python writes 93.8 and 6.2."""
    page = show("sixteenths=1")
    assert rate(page, "Specificity").startswith(f"Specificity {15 / 16:.1%}".replace("%", " %"))
    page.goto(page.url.replace("sixteenths=1", "sixteenths=turned"))
    expect(page.locator(".threshold")).to_have_attribute("data-ready", "true")
    assert rate(page, "Specificity").startswith(f"Specificity {1 / 16:.1%}".replace("%", " %"))


@pytest.mark.slow
def test_python_can_move_the_slider(show: Show) -> None:
    page = show()
    page.get_by_text("Set to 0.65").click()
    expect(page.get_by_label("Threshold", exact=True)).to_have_value("0.65")
    assert rate(page, "Sensitivity") == "Sensitivity (recall) 50.0 % 1 of 2 cancers missed"


@pytest.mark.slow
def test_a_threshold_out_of_range_is_not_taken(show: Show, sent: list[object]) -> None:
    page = show()
    sent.clear()
    page.get_by_label("Threshold", exact=True).fill("7")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Threshold", exact=True)).to_have_value("0.5")
    assert sent == []


@pytest.mark.slow
def test_a_hundred_thousand_cases_follow_within_a_frame(show: Show) -> None:
    page = show("cases=100000")
    assert page.get_by_label("Decision threshold").evaluate(DRAG) < 16


@pytest.mark.slow
def test_a_screen_reader_hears_threshold_and_rates(show: Show) -> None:
    expect(show().get_by_label("Decision threshold")).to_have_attribute(
        "aria-valuetext", "0.5: sensitivity 100.0 %, specificity 50.0 %"
    )


#: How many pixels of the column of bars that `share` of the track lies in are of the colour.
TALL = """([canvas, share, colour]) => {
  const context = canvas.getContext("2d");
  const x = Math.floor(8 + share * (canvas.width - 16));
  const { data } = context.getImageData(x, 0, 1, canvas.height);
  let tall = 0;
  for (let at = 0; at < data.length; at += 4) tall += data[at + 3] > 60 && data[at + colour] > 150;
  return tall;
}"""


@pytest.mark.slow
def test_a_few_cases_between_crowded_ends_can_be_seen(show: Show) -> None:
    """At 0.1 stand 100 times as many cases without cancer as at 0.6: ten times as tall."""
    page = show("crowded=1")
    canvas = page.locator(".threshold canvas").element_handle()
    blue = 2
    crowd, few = (page.evaluate(TALL, [canvas, share, blue]) for share in (0.105, 0.605))
    assert 0.07 * crowd < few < 0.13 * crowd


@pytest.mark.slow
def test_the_names_of_the_classes_stand_clear_of_the_bars(show: Show) -> None:
    page = show()
    expect(page.locator(".classes")).to_contain_text("square root")
    tops = "elements => elements.map(one => one.getBoundingClientRect().top)"
    bottoms = "elements => elements.map(one => one.getBoundingClientRect().bottom)"
    (canvas_top,) = page.locator(".threshold canvas").evaluate_all(tops)
    (canvas_bottom,) = page.locator(".threshold canvas").evaluate_all(bottoms)
    (above, _) = page.locator(".class-name").evaluate_all(bottoms)
    (_, below) = page.locator(".class-name").evaluate_all(tops)
    assert above <= canvas_top < canvas_bottom <= below
