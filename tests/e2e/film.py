"""The moving picture of the README, taken anew: python -m tests.e2e.film

A journey through a real browser, with drawn women alone: drop, verdict, threshold, compare, train.
What is seen is the screen as it was at each step; nothing is drawn into it but the line below.
"""

import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, expect, sync_playwright

from launcher.browser import find_browser
from mammo_core.files import samples_root
from tests.e2e.pictures import EPOCHS, WOMEN
from tests.e2e.screens import (
    COPY,
    LISTED,
    MODEL,
    SLOW,
    VIEWER,
    furnished_server,
    wait_until_drawn,
)
from tests.e2e.server import ROOT

SIZE: Final = (1280, 800)
SHOWN: Final = (960, 600)
LINE: Final = 40  # pixels, for the caption
SECONDS: Final = 2.4  # a frame
MOST_BYTES: Final = 500_000
EXAM: Final = re.compile(r"exam_[LR]_(CC|MLO)")

Take = Callable[[str], None]  # keeps what is seen now, with a caption


def journey(page: Page, url: str, take: Take) -> None:
    for step in (drop, lock, look_closer, compare, train):
        step(page, url, take)


def drop(page: Page, url: str, take: Take) -> None:
    page.goto(f"{url}/?model={COPY}")
    expect(page.locator(VIEWER)).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    take("Open the browser: an example exam is there. Drop your own above it.")
    files = sorted(str(file) for file in samples_root().iterdir() if EXAM.match(file.name))
    page.locator("input[type=file]").first.set_input_files(files)
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    take("Four DICOM files, hung by side and view, scored, with a heatmap.")


def lock(page: Page, url: str, take: Take) -> None:
    page.goto(f"{url}/thresholds?run={COPY}&count_split=val&judge=Operating+point")
    expect(page.locator(".threshold[data-ready=true]")).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    take("Slide the threshold: cancers found against women recalled, with intervals.")
    page.get_by_role("button", name=re.compile(r"Lock 0\.\d+")).click(timeout=SLOW)
    page.get_by_role("button", name=re.compile("as the operating point")).click(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"Locked: 0\.\d+ by"))).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    take("Lock it on validation women: from now on Read gives verdicts by it.")


def look_closer(page: Page, url: str, take: Take) -> None:
    page.locator(".cell.found").click()
    page.locator(f"{LISTED} .row").first.click()
    expect(page.locator(".row.opened")).to_have_count(1)
    wait_until_drawn(page)
    take("A click on a number shows its images.")


def compare(page: Page, url: str, take: Take) -> None:
    page.goto(f"{url}/compare?models={MODEL}&models={COPY}")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)
    take("Compare models on the same women: is a difference more than chance?")


def train(page: Page, url: str, take: Take) -> None:
    page.goto(f"{url}/train")
    page.get_by_role("button", name="Start training").click(timeout=SLOW)
    expect(page.get_by_text(EPOCHS)).to_be_visible(timeout=10 * SLOW)
    take("Train one of your own; it goes on when the browser is closed.")
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()


def captioned(shot: bytes, words: str) -> Image.Image:
    frame = Image.new("RGB", (SHOWN[0], SHOWN[1] + LINE), "#111111")
    with Image.open(io.BytesIO(shot)) as picture:
        frame.paste(picture.convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS), (0, 0))
    font = ImageFont.load_default(size=18)
    ImageDraw.Draw(frame).text((14, SHOWN[1] + 9), words, font=font, fill="#ffffff")
    return frame


def take_film(target: Path) -> None:
    frames: list[Image.Image] = []
    with (
        tempfile.TemporaryDirectory() as place,
        furnished_server(Path(place), women=WOMEN) as server,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = chromium.new_page(
            viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="dark"
        )

        def take(words: str) -> None:
            page.mouse.move(0, 0)
            page.wait_for_timeout(700)
            frames.append(captioned(page.screenshot(), words))

        journey(page, server.url, take)
        chromium.close()
    kept = io.BytesIO()
    frames[0].save(
        kept,
        format="WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=int(SECONDS * 1000),
        loop=0,
        quality=55,
        method=6,
    )
    if kept.tell() > MOST_BYTES:
        raise SystemExit(f"The film has {kept.tell():,} bytes; {MOST_BYTES:,} are allowed.")
    target.write_bytes(kept.getvalue())


if __name__ == "__main__":
    take_film(ROOT / "docs" / "pictures" / "journey.webp")
