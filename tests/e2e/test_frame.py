"""The frame around every page: its navigation, its notice, and that nothing leaves the machine."""

import ast
import socket
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from launcher.address import LOOPBACK
from tests.e2e.server import ROOT, Server, strangers

pytestmark = pytest.mark.e2e

TOP_BAR = ".st-key-top_bar"
NOTICE = "For research only. Not a medical device."


def titles_in_navigation() -> list[str]:
    """What streamlit_app.py gives as the title of each st.Page, in order."""
    tree = ast.parse((ROOT / "streamlit_app.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    pages = [call for call in calls if ast.unparse(call.func) == "st.Page"]
    found = [word.value for call in pages for word in call.keywords if word.arg == "title"]
    return [ast.literal_eval(title) for title in found]


TITLES = titles_in_navigation()


def go_to(page: Page, title: str) -> None:
    page.locator(TOP_BAR).get_by_role("link", name=title, exact=True).click()
    expect(page).to_have_title(f"{title} · Mammoscope")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def test_the_four_ways_of_working_are_there() -> None:
    assert TITLES[:4] == ["Read", "Thresholds", "Compare", "Train"]


@pytest.mark.slow
def test_navigation_lists_each_page_once(page: Page) -> None:
    links = page.locator(TOP_BAR).get_by_role("link")
    expect(links).to_have_count(len(TITLES))
    shown = [link.inner_text().strip().splitlines()[-1] for link in links.all()]
    assert shown == TITLES


@pytest.mark.slow
@pytest.mark.parametrize("title", TITLES)
def test_every_page_has_its_heading_and_the_notice(
    page: Page, title: str, take_picture: Callable[[str], None]
) -> None:
    go_to(page, title)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    take_picture(f"frame-{title.lower()}")


#: The lowest contrast of a text with the ground it stands on (WCAG 2.1, 1.4.3), and that text.
LOWEST_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const painted = (layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of layers) {
      canvas.fillStyle = layer;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (element) => {
    const found = [];
    for (let at = element; at; at = at.parentElement) {
      found.unshift(getComputedStyle(at).backgroundColor);
    }
    return found;
  };
  let lowest = [99, ""];
  const kinds = ["stCaptionContainer", "stBaseButton-primary", "stBaseButton-secondary",
    "stPageLink", "stMarkdownContainer"];
  const selector = kinds.map((kind) => `[data-testid=${kind}] p`).join(", ");
  for (const element of document.querySelectorAll(selector)) {
    if (!element.checkVisibility() || element.closest("[disabled], [data-stale=true]")) continue;
    const under = grounds(element);
    const both = [painted(under), painted([...under, getComputedStyle(element).color])];
    const [low, high] = both.map(light).sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < lowest[0]) lowest = [ratio, element.textContent.slice(0, 60)];
  }
  return lowest;
}"""
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 17, 23)"}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_eyes_need_in_both_themes(
    page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.reload()
    for title in TITLES:
        go_to(page, title)
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", GROUNDS[scheme])
        contrast, text = page.evaluate(LOWEST_CONTRAST)
        assert 4.5 <= contrast < 99, (title, text)


@pytest.mark.slow
def test_a_bookmark_opened_first_keeps_frame_and_notice(page: Page, fresh_app: Server) -> None:
    page.goto(f"{fresh_app.url}/train")
    expect(page).to_have_title("Train · Mammoscope")
    expect(page).to_have_url(f"{fresh_app.url}/train")
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.locator(TOP_BAR).get_by_role("link")).to_have_count(len(TITLES))


def test_a_page_elsewhere_cannot_reach_the_app_under_a_name_of_its_own(app: Server) -> None:
    def status(name: str) -> bytes:
        port = urlsplit(app.url).port
        question = (
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {name}:{port}\r\nOrigin: http://{name}:{port}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        with socket.create_connection((LOOPBACK, port), timeout=10) as line:
            line.sendall(question.encode("ascii"))
            return line.recv(100).split()[1]

    assert status(LOOPBACK) == b"101"
    assert status("localhost") == b"101"
    assert status("elsewhere.invalid") == b"403"


def test_a_visit_to_every_page_asks_nobody_else_and_leaves_no_error_in_the_log(
    page: Page, fresh_app: Server, requests_seen: list[str]
) -> None:
    page.goto(fresh_app.url)
    for title in TITLES:
        go_to(page, title)
    assert any(url.startswith("ws:") for url in requests_seen)
    assert strangers(requests_seen) == set()
    assert "Traceback" not in fresh_app.log.read_text(encoding="utf-8")


def test_a_request_to_another_host_would_be_noticed(page: Page, requests_seen: list[str]) -> None:
    page.evaluate("fetch('http://elsewhere.invalid/pixel.png').catch(() => null)")
    assert strangers(requests_seen) == {"elsewhere.invalid"}
    requests_seen.clear()
