"""How long until something is seen, in a real browser: `python -m benchmarks.viewer`.

The example on a first visit, a sample with score and heatmap, the next case of a list, the first
heading of every page beside that of a page of Streamlit with nothing else on it, what a click in
the bar and a moved threshold take, four made-up DICOM images of 4096 x 3328 pixels of 12 bits; at
1:1 a pattern of single pixels must be seen in every one. Needs Chromium and the browser tests'
requirements.
The table of `python -m benchmarks` has the headings alone, in turns with the empty page.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from playwright.sync_api import Page, Request, sync_playwright

from benchmarks.side_by_side import Comparison, Side, Work
from launcher.browser import find_browser
from mammo_core.files import samples_root
from tests.e2e.conftest import FLAGS
from tests.e2e.server import ROOT, Server, running_server
from tests.preprocessing.dicom_files import mammogram_file

SIZE: Final = (4096, 3328)
READY: Final = ".viewer[data-ready=true]"
LONG: Final = 180_000  # ms
ROW: Final = """canvas => {
  const [x, y] = [canvas.width >> 1, canvas.height >> 1];
  const { data } = canvas.getContext("2d").getImageData(x, y, 6, 1);
  return [0, 4, 8, 12, 16, 20].map((at) => data[at]);
}"""


#: Moves the thumb in each of 120 frames; after how many ms the next one came, 95 times of 100.
FRAMES: Final = """track => new Promise((done) => {
  const gaps = [];
  let last = null;
  requestAnimationFrame(function next(now) {
    if (last !== null) gaps.push(now - last);
    last = now;
    track.value = 0.2 + 0.004 * gaps.length;
    track.dispatchEvent(new Event("input"));
    if (gaps.length < 120) requestAnimationFrame(next);
    else done(gaps.sort((a, b) => a - b)[114]);
  });
})"""

LET_GO: Final = """track => {
  track.value = Number(track.value) + 0.01;
  for (const name of ["input", "change"]) track.dispatchEvent(new Event(name));
}"""

PAGES: Final = ("", "thresholds", "compare", "train", "data")
REPEATS: Final = 3
IDLE: Final = "[data-testid=stApp][data-test-script-state=notRunning]"

Table = dict[str, float]  # seconds, by what was waited for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="of checkpoints; else those that ship alone")
    arguments = parser.parse_args()
    table: Table = {}
    kept = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # servers write to their end
    with kept as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        settings = {
            "MAMMO_HOME": str(folder / "home"),
            "MAMMO_CHECKPOINTS": arguments.folder or str(folder / "runs"),
        }
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)

        def tab() -> Page:
            """Of somebody who has not been here before."""
            return browser.new_context(viewport={"width": 1440, "height": 900}).new_page()

        app = ROOT / "streamlit_app.py"
        with running_server(app, folder / "first.log", settings) as server:
            first_visits(tab, server, table)
        empty = write_empty(folder)
        with running_server(empty, folder / "empty.log", settings) as server:
            heading(tab, server, "", "first heading of an empty page of Streamlit", table)
        with running_server(app, folder / "second.log", settings) as server:
            samples(tab, server, table)
            next_cases(tab(), server, table)
            for name in PAGES:
                what = f"first heading of {(name or 'read').capitalize()}"
                heading(tab, server, name, what, table)
            moves(tab(), server, table)
            thresholds(tab(), server, table)
            files = [write_image(folder, side, view) for side in "RL" for view in ("CC", "MLO")]
            large_files(tab(), server, files, table)
        browser.close()
        width = max(map(len, table))
        print("\n".join(f"{what:{width}}  {seconds:6.2f} s" for what, seconds in table.items()))


def write_empty(folder: Path) -> Path:
    """A page of Streamlit with nothing but its heading."""
    script = folder / "empty.py"
    script.write_text('import streamlit as st\nst.title("Empty")\n')
    return script


def put_empty(folder: Path, _size: int) -> None:
    write_empty(folder)


@contextmanager
def first_heading(folder: Path, *, name: str | None) -> Iterator[Work]:
    """Of a page of ours, or of the empty one; each visitor's browser has nothing of it yet."""
    script = folder / "empty.py" if name is None else ROOT / "streamlit_app.py"
    log = folder / f"{name}.log"
    with running_server(script, log, {}) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)

        def visit() -> float:
            with browser.new_context(viewport={"width": 1440, "height": 900}) as visitor:
                page = visitor.new_page()
                address = f"{server.url}/{name or ''}"
                return timed(page, "h1", lambda: page.goto(address, wait_until="commit"))

        visit()  # modules are imported once for each server
        yield visit
        browser.close()


ENTRIES: Final = tuple(
    Comparison(
        what=f"first heading of {(name or 'read').capitalize()}, the browser's cache empty",
        put=put_empty,
        size=0,
        here=Side(name="page", open=partial(first_heading, name=name)),
        instead=(Side(name="empty page of Streamlit", open=partial(first_heading, name=None)),),
        turns=3,
        tells_memory=False,
    )
    for name in PAGES
)


def first_visits(tab: Callable[[], Page], server: Server, table: Table) -> None:
    """To the pixels of the example; no model is loaded for it."""

    def visit() -> float:
        page = tab()
        return timed(page, READY, lambda: page.goto(server.url, wait_until="commit"))

    table["first visit after a server start, to the example's pixels"] = visit()
    table["first visit, to the example's pixels"] = best(visit)


def samples(tab: Callable[[], Page], server: Server, table: Table) -> None:
    """From the click to score and heatmap: of this server's first visitor, then of others."""

    def click() -> float:
        page = tab()
        page.goto(server.url)
        page.locator(READY).wait_for(timeout=LONG)
        page.locator(IDLE).wait_for(timeout=LONG)
        started = time.perf_counter()
        page.get_by_role("button", name="CC and MLO of one breast").click()
        page.wait_for_url("**case=**", timeout=LONG, wait_until="commit")
        page.get_by_role("button", name="Export").wait_for(timeout=LONG)  # under the scores
        page.locator(f"{READY} .bar").wait_for(timeout=LONG)  # of the heatmap
        return time.perf_counter() - started

    table["sample after a server start, click to score and heatmap"] = click()
    table["sample, click to score and heatmap"] = best(click)


def next_cases(page: Page, server: Server, table: Table) -> None:
    """J and K between two cases whose scores are known."""
    page.goto(server.url)
    page.locator(READY).wait_for(timeout=LONG)
    drop(page, sorted(samples_root().glob("exam_*")) + sorted(samples_root().glob("pair_*")))
    steps = iter("jkjkjk")

    def step() -> float:
        page.locator(IDLE).wait_for(timeout=LONG)
        page.wait_for_timeout(1_000)
        opened, builds = page.url, page.locator(READY).get_attribute("data-builds")
        started = time.perf_counter()
        page.keyboard.press(next(steps))
        page.wait_for_function("opened => location.href !== opened", arg=opened, timeout=LONG)
        page.locator(f"{READY}:not([data-builds='{builds}'])").wait_for(timeout=LONG)
        page.locator(IDLE).wait_for(timeout=LONG)  # the scores, which stand below, are there, too
        return time.perf_counter() - started

    for _ in range(2):
        step()  # both are scored now
    table["next case (J), its scores known"] = best(step)


def heading(tab: Callable[[], Page], server: Server, name: str, what: str, table: Table) -> None:
    """Of somebody whose browser has nothing of the page yet."""

    def visit() -> float:
        page = tab()
        took = timed(page, "h1", lambda: page.goto(f"{server.url}/{name}", wait_until="commit"))
        page.locator(IDLE).wait_for(timeout=LONG)  # else its charts slow the next visit down
        page.context.close()
        return took

    visit()  # its modules are imported once for each server
    table[what] = best(visit)


def moves(page: Page, server: Server, table: Table) -> None:
    """From page to page by the bar, as somebody does who has the app open."""
    page.goto(server.url)

    def move(name: str) -> float:
        page.locator(IDLE).wait_for(timeout=LONG)
        link = page.locator(".st-key-top_bar").get_by_role("link", name=name)
        heads = f"h1:has-text('{name}')"
        return timed(page, heads, link.click)

    for name in map(str.capitalize, PAGES[1:]):
        times = []
        for _ in range(REPEATS):
            times.append(move(name))
            move("Read")
        table[f"heading of {name}, by a click in the bar"] = min(times)


def thresholds(page: Page, server: Server, table: Table) -> None:
    """1,184 breasts: what follows in the browser while the thumb is dragged, and the tables of the
    page once it is let go.
    """
    page.goto(f"{server.url}/thresholds?run=rsna-mobilenetv2&judge=More+rates")
    thumb = page.locator(".threshold[data-ready=true] input[type=range]")
    thumb.wait_for(timeout=LONG)

    def step() -> float:
        page.locator(IDLE).wait_for(timeout=LONG)
        before = page.url
        started = time.perf_counter()
        thumb.evaluate(LET_GO)
        page.wait_for_function("before => location.href !== before", arg=before, timeout=LONG)
        page.locator(IDLE).wait_for(timeout=LONG)
        return time.perf_counter() - started

    step()
    table["threshold let go, to all tables of the page"] = best(step)
    page.locator(IDLE).wait_for(timeout=LONG)
    table["threshold dragged, from frame to frame (95 of 100)"] = thumb.evaluate(FRAMES) / 1_000


def best(act: Callable[[], float]) -> float:
    """Of several: what else this computer does is not to be measured."""
    return min(act() for _ in range(REPEATS))


def timed(page: Page, selector: str, act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    page.locator(selector).first.wait_for(timeout=LONG)
    return time.perf_counter() - started


def drop(page: Page, files: list[Path]) -> None:
    page.locator(IDLE).wait_for(timeout=LONG)
    page.locator("input[type=file]").first.set_input_files(files)
    page.wait_for_url("**case=**", timeout=LONG, wait_until="commit")
    page.locator(READY).wait_for(timeout=LONG)


def write_image(folder: Path, side: str, view: str) -> Path:
    """Half an ellipse on the chest wall; inside, every other pixel is bright."""
    rows, columns = np.indices(SIZE, sparse=True)
    away = columns if side == "L" else SIZE[1] - 1 - columns
    inside = (away / 2600) ** 2 + ((rows - 2048) / 1800) ** 2 < 1
    checker = np.where((rows + columns) % 2 == 1, 2600, 1400)
    path = folder / f"{side}-{view}.dcm"
    path.write_bytes(
        mammogram_file(
            np.where(inside, checker, 0).astype(np.uint16),
            ImageLaterality=side,
            ViewPosition=view,
            SOPInstanceUID=f"1.2.3.{ord(side)}.{len(view)}",
        )
    )
    return path


def large_files(page: Page, server: Server, files: list[Path], table: Table) -> None:
    received = {"socket": 0, "stored": 0}

    def count(frame: str | bytes) -> None:
        received["socket"] += len(frame)

    def count_stored(request: Request) -> None:
        if "/media/" in request.url and request.headers.get("range"):
            received["stored"] += request.sizes()["responseBodySize"]

    page.on("websocket", lambda socket: socket.on("framereceived", count))
    page.on("requestfinished", count_stored)
    page.goto(f"{server.url}/?model=phantom-light")  # which reads no such image: none is scored
    page.locator(READY).wait_for(timeout=LONG)
    started = time.perf_counter()
    drop(page, files)
    table["four DICOM of 12 megapixels, dropped to first pixels"] = time.perf_counter() - started
    address = page.url
    page.goto("about:blank")
    received["socket"] = 0
    table["the same four, opened again"] = timed(page, READY, lambda: page.goto(address))
    print(f"sent for the overview: {received['socket'] / 1e6:.1f} MB")
    page.locator(".pane").first.focus()
    started = time.perf_counter()
    page.keyboard.press("1")
    page.locator(".viewer[data-tiles=wanted]").wait_for(timeout=LONG)
    page.locator(".viewer[data-tiles=complete]").wait_for(timeout=LONG)
    table["all four at 1:1"] = time.perf_counter() - started
    page.wait_for_timeout(1_000)  # the last answers are counted
    print(f"fetched for 1:1: {received['stored'] / 1e6:.1f} MB")
    for canvas in page.locator(".pane canvas").all():
        seen = canvas.evaluate(ROW)
        if seen != seen[:2] * 3 or seen[0] == seen[1]:
            raise SystemExit(f"Single pixels are not seen: {seen}")


if __name__ == "__main__":
    main()
