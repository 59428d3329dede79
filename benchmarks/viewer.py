"""How long until pixels are seen, in a real browser: `python -m benchmarks.viewer`.

Four made-up DICOM images of 4096 x 3328 pixels of 12 bits, uploaded together, then opened again; at
1:1 a pattern of single pixels must be seen in every one. Needs Chromium and the browser tests'
requirements.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from playwright.sync_api import Page, Request, sync_playwright

from launcher.browser import find_browser
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="of checkpoints; else those that ship alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = {
            "MAMMO_HOME": str(folder / "home"),
            "MAMMO_CHECKPOINTS": arguments.folder or str(folder / "runs"),
        }
        files = [write_image(folder, side, view) for side in "RL" for view in ("CC", "MLO")]
        with (
            running_server(ROOT / "streamlit_app.py", folder / "log", settings) as server,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
            measure(browser.new_page(viewport={"width": 1440, "height": 900}), server, files)
            browser.close()


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


def measure(page: Page, server: Server, files: list[Path]) -> None:
    received = {"socket": 0, "stored": 0}

    def count(frame: str | bytes) -> None:
        received["socket"] += len(frame)

    def count_stored(request: Request) -> None:
        if "/media/" in request.url and request.headers.get("range"):
            received["stored"] += request.sizes()["responseBodySize"]

    page.on("websocket", lambda socket: socket.on("framereceived", count))
    page.on("requestfinished", count_stored)
    page.goto(f"{server.url}/?model=phantom-light")  # which reads no such image: none is scored
    chosen = page.locator("input[type=file]").first
    chosen.wait_for(state="attached", timeout=LONG)
    page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=LONG)
    told("files dropped to first pixels", page, lambda: chosen.set_input_files(files))
    address = page.url
    page.goto("about:blank")
    received["socket"] = 0
    told("opened again to first pixels", page, lambda: page.goto(address))
    print(f"sent for the overview: {received['socket'] / 1e6:.1f} MB")
    page.locator(".pane").first.focus()
    started = time.perf_counter()
    page.keyboard.press("1")
    page.locator(".viewer[data-tiles=wanted]").wait_for(timeout=LONG)
    page.locator(".viewer[data-tiles=complete]").wait_for(timeout=LONG)
    seconds = time.perf_counter() - started
    page.wait_for_timeout(1_000)  # the last answers are counted
    print(f"all four at 1:1: {seconds:.2f} s, {received['stored'] / 1e6:.1f} MB")
    for canvas in page.locator(".pane canvas").all():
        seen = canvas.evaluate(ROW)
        if seen != seen[:2] * 3 or seen[0] == seen[1]:
            raise SystemExit(f"Single pixels are not seen: {seen}")


def told(what: str, page: Page, act: Callable[[], object]) -> None:
    started = time.perf_counter()
    act()
    page.locator(READY).wait_for(timeout=LONG)
    print(f"{what}: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
