"""The moving picture of the README, taken anew: python -m tests.e2e.film

The screen recorded while a real browser is led through a journey, with drawn women alone: drop,
verdict, threshold, compare, train. Nothing is drawn into it but the line below; waits are cut to
`HELD` seconds, and long scenes lack their middle, so it does not tell how long a thing takes.
"""

import base64
import io
import re
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, expect

from tests.e2e.pictures import EPOCHS, lock, stage
from tests.e2e.screens import (
    COPY,
    LISTED,
    SLOW,
    VIEWER,
    wait_until_drawn,
)
from tests.e2e.server import ROOT

SIZE: Final = (1280, 800)
SHOWN: Final = (960, 600)
LINE: Final = 40  # pixels, for the caption
HELD: Final = 1.6  # seconds, the longest that nothing moves
APART: Final = 0.12  # seconds, between two frames at the least
READ: Final = 1_500  # milliseconds, for a caption to be read
BEGIN: Final = 3.0  # seconds of a scene that are kept, and as below at its end
END: Final = 5.0
MOST_BYTES: Final = 2_500_000


@dataclass(frozen=True, slots=True)
class Frame:
    moment: float
    shot: bytes
    caption: str


@dataclass(slots=True)
class Recorder:
    """What the browser paints, as it paints it. A frame may be told long after it was painted, so
    captions are laid to frames by the clock.
    """

    page: Page
    shots: list[tuple[float, bytes]] = field(default_factory=list)
    captions: list[tuple[float, str]] = field(default_factory=list)
    cuts: list[tuple[float, float]] = field(default_factory=list)

    def start(self) -> None:
        session = self.page.context.new_cdp_session(self.page)

        def keep(frame: dict[str, Any]) -> None:
            moment = float(frame["metadata"]["timestamp"])
            self.shots.append((moment, base64.b64decode(frame["data"])))
            session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

        session.on("Page.screencastFrame", keep)
        session.send("Page.startScreencast", {"format": "jpeg", "quality": 92})

    def say(self, words: str) -> None:
        self.captions.append((time.time(), words))

    @contextmanager
    def cut(self) -> Iterator[None]:
        """What is painted meanwhile is left out: a blank page until the next has come."""
        since = time.time()
        yield
        self.cuts.append((since, time.time()))

    def rest(self) -> None:
        """Until a reader has read the caption."""
        wait_until_drawn(self.page)
        self.page.wait_for_timeout(READ)

    def frames(self) -> list[Frame]:
        """Those from the first caption on."""
        since = [moment for moment, _ in self.captions]
        return [
            Frame(moment, shot, self.captions[bisect_right(since, moment) - 1][1])
            for moment, shot in sorted(self.shots)
            if moment >= since[0] and not any(cut <= moment <= end for cut, end in self.cuts)
        ]


def thinned(frames: list[Frame]) -> tuple[list[Image.Image], list[int]]:
    """Pictures with their milliseconds; of frames that follow at once the last."""
    kept = [
        one
        for one, after in pairwise(frames)
        if after.moment - one.moment >= APART or after.caption != one.caption
    ]
    kept.append(frames[-1])
    shown: list[Frame] = []
    lasting: list[float] = []
    for _, scene in groupby(zip(kept, seconds_of(kept), strict=True), lambda one: one[0].caption):
        for frame, seconds in without_middle(list(scene)):
            shown.append(frame)
            lasting.append(seconds)
    images = [captioned(one.shot, one.caption) for one in shown]
    return images, [int(1000 * one) for one in lasting]


def seconds_of(frames: list[Frame]) -> list[float]:
    between = [after.moment - one.moment for one, after in pairwise(frames)]
    return [*(min(HELD, max(APART, one)) for one in between), 2 * HELD]


def without_middle(scene: list[tuple[Frame, float]]) -> list[tuple[Frame, float]]:
    whole = sum(seconds for _, seconds in scene)
    passed, kept = 0.0, []
    for frame, seconds in scene:
        if passed < BEGIN or passed > whole - END:
            kept.append((frame, seconds))
        passed += seconds
    return kept


def journey(recorder: Recorder, url: str, exam: list[Path], models: list[str]) -> None:
    page = recorder.page
    drop(recorder, url, exam)
    thresholds(recorder, url)
    with recorder.cut():
        page.goto(f"{url}/compare?" + "&".join(f"models={name}" for name in models))
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)
    recorder.say("Compare models on the same women: is a difference more than chance?")
    recorder.rest()
    page.mouse.move(8, SIZE[1] / 2)  # beside what would tell of itself under the pointer
    scroll(page, 12)
    recorder.rest()
    train(recorder, url)


def drop(recorder: Recorder, url: str, exam: list[Path]) -> None:
    page = recorder.page
    page.goto(f"{url}/?model={COPY}")
    expect(page.locator(VIEWER)).to_be_visible(timeout=SLOW)
    recorder.say("Read: an example is there. Drop images of your own above it.")
    recorder.rest()
    page.locator("input[type=file]").first.set_input_files(exam)
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Score above the threshold")).to_be_visible(timeout=SLOW)
    recorder.say("Hung by side and view, scored, with a heatmap and a verdict by a threshold.")
    recorder.rest()
    recorder.rest()


def thresholds(recorder: Recorder, url: str) -> None:
    page = recorder.page
    with recorder.cut():
        page.goto(f"{url}/thresholds?run={COPY}&count_split=val&judge=Operating+point")
        expect(page.locator(".threshold[data-ready=true]")).to_be_visible(timeout=SLOW)
    recorder.say("Slide the threshold: cancers found against women called, in plain counts.")
    recorder.rest()
    slide(page)
    recorder.rest()
    recorder.say("A click on a number shows its images.")
    page.locator(".cell.found").click()
    page.locator(f"{LISTED} .row").first.click()
    expect(page.locator(".row.opened")).to_have_count(1)
    recorder.rest()


def slide(page: Page) -> None:
    """To the right and halfway back, as a hand does it."""
    box = page.locator(".threshold input[type=range]").first.bounding_box()
    assert box is not None
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.1 * box["width"], height)
    page.mouse.down()
    for step in (*range(10, 90, 5), *range(90, 40, -5)):
        page.mouse.move(box["x"] + step / 100 * box["width"], height)
        page.wait_for_timeout(150)
    page.mouse.up()


def scroll(page: Page, steps: int) -> None:
    for _ in range(steps):
        page.mouse.wheel(0, 40)
        page.wait_for_timeout(150)


def train(recorder: Recorder, url: str) -> None:
    page = recorder.page
    start = page.get_by_role("button", name="Start training")
    with recorder.cut():
        page.goto(f"{url}/train")
        expect(start).to_be_visible(timeout=SLOW)
    recorder.say("Train one of your own: data, recipe, start.")
    recorder.rest()
    start.click(timeout=SLOW)
    recorder.say("It goes on when the browser is closed.")
    expect(page.get_by_text(EPOCHS)).to_be_visible(timeout=10 * SLOW)
    page.wait_for_timeout(READ)


def captioned(shot: bytes, words: str) -> Image.Image:
    frame = Image.new("RGB", (SHOWN[0], SHOWN[1] + LINE), "#111111")
    with Image.open(io.BytesIO(shot)) as picture:
        frame.paste(picture.convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS), (0, 0))
    font = ImageFont.load_default(size=18)
    ImageDraw.Draw(frame).text((14, SHOWN[1] + 9), words, font=font, fill="#ffffff")
    return frame


def take_film(target: Path) -> None:
    with stage(*SIZE) as (page, shown):
        lock(page, shown.url)
        recorder = Recorder(page)
        recorder.start()
        journey(recorder, shown.url, shown.exam, shown.models)
        frames, lasting = thinned(recorder.frames())
    save(target, frames, lasting)


def save(target: Path, frames: list[Image.Image], lasting: list[int]) -> None:
    kept = io.BytesIO()
    frames[0].save(
        kept,
        format="WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=lasting,
        loop=0,
        quality=45,
        method=4,
    )
    target.write_bytes(kept.getvalue())
    if kept.tell() > MOST_BYTES:
        raise SystemExit(f"The film has {kept.tell():,} bytes; {MOST_BYTES:,} are allowed.")


if __name__ == "__main__":
    take_film(ROOT / "docs" / "pictures" / "journey.webp")
