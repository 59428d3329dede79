"""The pictures of the README, taken anew: python -m tests.e2e.pictures

From the shipped model of drawn women and a set drawn for this; no image of a woman is in them.
"""

import io
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from launcher.browser import find_browser
from tests.e2e.screens import (
    COPY,
    MODEL,
    SLOW,
    VIEWER,
    furnished_server,
    take_sample,
    wait_until_drawn,
)
from tests.e2e.server import ROOT

WOMEN: Final = 60
EPOCHS: Final = re.compile(r"running, epoch [5-9] of")
OVER: Final = re.compile(r"(stopped|finished), epoch")


def read(page: Page, url: str) -> None:
    """With a threshold locked as a reader does it, on the validation split."""
    page.goto(f"{url}/thresholds?run={COPY}&count_split=val&judge=Operating+point")
    page.get_by_role("button", name=re.compile(r"Lock 0\.\d+")).click(timeout=SLOW)
    page.get_by_role("button", name=re.compile("as the operating point")).click(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"Locked: 0\.\d+ by"))).to_be_visible(timeout=SLOW)
    page.goto(f"{url}/?model={COPY}")
    take_sample(page)
    expect(page.locator(VIEWER)).to_be_visible()


def thresholds(page: Page, url: str) -> None:
    page.goto(f"{url}/thresholds?run={MODEL}")
    expect(page.locator(".threshold[data-ready=true]")).to_be_visible(timeout=SLOW)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)


def compare(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?models={MODEL}")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)


def train(page: Page, url: str) -> None:
    """A run as it goes, stopped once its picture is taken."""
    page.goto(f"{url}/train")
    page.get_by_role("button", name="Start training").click(timeout=SLOW)
    expect(page.get_by_text(EPOCHS)).to_be_visible(timeout=10 * SLOW)


def data(page: Page, url: str) -> None:
    page.goto(f"{url}/data")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)


def leave_no_run(page: Page) -> None:
    """Stop the run of the last picture; one that has ended by itself meanwhile needs no stop."""
    stop = page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop")
    over = page.get_by_text(OVER).first
    expect(stop.or_(over).first).to_be_visible(timeout=SLOW)
    if stop.is_visible():
        stop.click()
    expect(over).to_be_visible(timeout=10 * SLOW)  # a batch is finished first, and the card written


PICTURES: Final[Mapping[str, Callable[[Page, str], None]]] = {
    "read": read,
    "thresholds": thresholds,
    "compare": compare,
    "data": data,
    "train": train,
}


def take_pictures(folder: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as place,
        furnished_server(Path(place), women=WOMEN) as server,
        sync_playwright() as playwright,
    ):
        program = find_browser()
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        for name, show in PICTURES.items():
            show(page, server.url)
            if name != "train":  # which is drawn anew every second
                wait_until_drawn(page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(500)
            keep_picture(page.screenshot(), folder / f"{name}.png")
        leave_no_run(page)
        chromium.close()


def keep_picture(shot: bytes, path: Path) -> None:
    """In 256 colours, which takes half the bytes."""
    with Image.open(io.BytesIO(shot)) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    take_pictures(ROOT / "docs" / "pictures")
