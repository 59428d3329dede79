"""A reader compares two runs and is told whether they can be told apart."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.server import Server
from tests.predictions import made_up_predictions, write_run

pytestmark = pytest.mark.e2e

GOOD = "20260102-000000-tiny_cnn-good"
GUESSING = "20260102-000001-tiny_cnn-gues"


@pytest.fixture(scope="module")
def two_runs(checkpoints: Path) -> Iterator[tuple[str, str]]:
    made_up = "women for comparing"
    write_run(checkpoints, GOOD, made_up_predictions(skill=3.0, seed=1, dataset=made_up))
    write_run(checkpoints, GUESSING, made_up_predictions(skill=0.0, seed=2, dataset=made_up))
    yield GOOD, GUESSING
    for name in (GOOD, GUESSING):  # Read would begin with the newest
        shutil.rmtree(checkpoints / name)


@pytest.mark.slow
def test_two_runs_are_compared_over_the_same_cases(
    page: Page, app: Server, two_runs: tuple[str, str], take_picture: Callable[[str], None]
) -> None:
    page.goto(f"{app.url}/compare?models={two_runs[1]}&models={two_runs[0]}")
    expect(page.get_by_text("All compared on the same 120 cases.")).to_be_visible()
    expect(page.get_by_text(f"better than {GUESSING}")).to_be_visible()
    expect(page.locator(".st-key-compare_roc .legendtext")).to_have_text(
        ["guessing", GUESSING, GOOD]
    )
    take_picture("compare")
    page.get_by_role("radio", name="Cases", exact=True).click()
    expect(page.get_by_text("those that the two rank most differently")).to_be_visible()
    page.reload()
    expect(page.get_by_text("those that the two rank most differently")).to_be_visible()
