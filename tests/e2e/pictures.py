"""The pictures of the README, taken anew: python -m tests.e2e.pictures

From the shipped model of drawn women, sets drawn for this and the example project; no image of a
woman is in them.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from launcher.browser import find_browser
from mammo_core.example import find_example, networks_of
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.folder import list_runs
from tests.e2e.screens import (
    COPY,
    MODEL,
    SLOW,
    VIEWER,
    furnished_server,
    wait_until_drawn,
)
from tests.e2e.server import ROOT

WOMEN: Final = 60
#: Of women drawn as DICOM one whose heatmap of one view reaches full colour: the breast with the
#: lesion is above the threshold, and nothing in her images is new to the model.
FOUND: Final = "W0019"
EPOCHS: Final = re.compile(r"running, epoch [5-9] of")
OVER: Final = re.compile(r"(stopped|finished), epoch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Where the server is, and what there is to be shown."""

    url: str
    exam: list[Path]
    models: list[str]  # two that have scored the same women


def made_study(place: Path) -> list[str]:
    """The example project, made in the folders of the server to come; its two models' names."""
    root = place / "checkpoints"
    folders = {"MAMMO_HOME": str(place / "home"), "MAMMO_CHECKPOINTS": str(root)}
    subprocess.run(
        [sys.executable, "-m", "mammo_core.cli", "example"],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **folders},
    )
    example = find_example(list_runs(root))
    assert example is not None
    return [run.run_id for run in networks_of(example)]


def found_exam(place: Path) -> list[Path]:
    """Her four views."""
    folder = place / "exams"
    write_phantom_set(folder, women=24, seed=3, size=(1024, 512), image_format="dicom")
    return sorted((folder / "images").glob(f"{FOUND}_*.dcm"))


def lock(page: Page, url: str) -> None:
    """As a reader does it, on the validation split."""
    page.goto(f"{url}/thresholds?run={COPY}&count_split=val&judge=Operating+point")
    page.get_by_role("button", name=re.compile(r"Lock 0\.\d+")).click(timeout=SLOW)
    page.get_by_role("button", name=re.compile("as the operating point")).click(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"Locked: 0\.\d+ by"))).to_be_visible(timeout=SLOW)


def read(page: Page, shown: Shown) -> None:
    """With its verdict, by a threshold that was locked before."""
    lock(page, shown.url)
    page.goto(f"{shown.url}/?model={COPY}")
    expect(page.locator(VIEWER)).to_be_visible(timeout=SLOW)
    page.locator("input[type=file]").first.set_input_files(shown.exam)
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Score above the threshold")).to_be_visible(timeout=SLOW)


def thresholds(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.url}/thresholds?run={MODEL}")
    expect(page.locator(".threshold[data-ready=true]")).to_be_visible(timeout=SLOW)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)


def compare(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.url}/compare?" + "&".join(f"models={name}" for name in shown.models))
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)


def train(page: Page, shown: Shown) -> None:
    """A run as it goes, stopped once its picture is taken."""
    page.goto(f"{shown.url}/train")
    page.get_by_role("button", name="Start training").click(timeout=SLOW)
    expect(page.get_by_text(EPOCHS)).to_be_visible(timeout=10 * SLOW)


def data(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.url}/data")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)


def leave_no_run(page: Page) -> None:
    """Stop the run of the last picture; one that has ended by itself meanwhile needs no stop."""
    stop = page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop")
    over = page.get_by_text(OVER).first
    expect(stop.or_(over).first).to_be_visible(timeout=SLOW)
    if stop.is_visible():
        stop.click()
    expect(over).to_be_visible(timeout=10 * SLOW)  # a batch is finished first, and the card written


PICTURES: Final[Mapping[str, Callable[[Page, Shown], None]]] = {
    "read": read,
    "thresholds": thresholds,
    "compare": compare,
    "data": data,
    "train": train,
}


@contextmanager
def stage(width: int, height: int) -> Iterator[tuple[Page, Shown]]:
    """A dark tab beside a furnished server, and no run of it left at the end."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        place = Path(name)
        models = made_study(place)
        with furnished_server(place, women=WOMEN) as server:
            program = find_browser()
            chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = chromium.new_page(
                viewport={"width": width, "height": height}, color_scheme="dark"
            )
            yield page, Shown(url=server.url, exam=found_exam(place), models=models)
            leave_no_run(page)
            chromium.close()


def take_pictures(folder: Path) -> None:
    with stage(1440, 900) as (page, shown):
        for picture, show in PICTURES.items():
            show(page, shown)
            if picture != "train":  # which is drawn anew every second
                wait_until_drawn(page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(500)
            keep_picture(page.screenshot(), folder / f"{picture}.png")


def keep_picture(shot: bytes, path: Path) -> None:
    """As it is: fewer colours would take those of the heatmap first."""
    with Image.open(io.BytesIO(shot)) as picture:
        picture.convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    take_pictures(ROOT / "docs" / "pictures")
