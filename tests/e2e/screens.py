"""Every page as a reader finds it, for what must hold on all of them; drawn women alone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

from mammo_core.datasets.dataset import Registered, register
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from tests.e2e.server import ROOT, Server, running_server
from tests.predictions import copy_unlocked

SLOW: Final = 180_000  # a new home converts the network, and torch is imported with the first score
MODEL: Final = "phantom-light"
COPY: Final = "light-again"  # the same model once more, without its threshold
WOMEN: Final = "Drawn women"
VIEWER: Final = ".viewer[data-ready=true]"
LISTED: Final = ".case-list[data-ready=true]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where it is, what shows that it is there, and what is clicked to get there from the path."""

    name: str
    path: str
    holds: tuple[str, ...]  # selectors of what a reader must be able to reach
    act: Callable[[Page], None] = lambda page: None


def take_sample(page: Page) -> None:
    page.get_by_role("button", name="Exam of four views").click()
    expect(page).to_have_url(re.compile(r"case=[0-9a-f]{64}"), timeout=SLOW)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=SLOW)


def open_found(page: Page) -> None:
    page.locator(".cell.found").click()
    page.locator(f"{LISTED} .row").first.click()
    expect(page.locator(".row.opened")).to_have_count(1)


def audit_set(page: Page) -> None:
    start = page.locator(".st-key-audit_start button")
    if "again" not in start.inner_text():
        start.click()
    expect(start).to_contain_text("again", timeout=SLOW)


SCREENS: Final = (
    Screen(name="first visit", path=f"?model={MODEL}", holds=(VIEWER, ".panel .score")),
    Screen(name="a case", path=f"?model={MODEL}", act=take_sample, holds=(VIEWER, ".panel .score")),
    Screen(
        name="thresholds",
        path=f"thresholds?run={MODEL}",
        holds=(".threshold[data-ready=true]", ".cell.found", ".js-plotly-plot"),
    ),
    Screen(
        name="a threshold's cases",
        path=f"thresholds?run={MODEL}&count_split=val",
        act=open_found,
        holds=(LISTED, ".row.opened"),
    ),
    Screen(
        name="compare",
        path=f"compare?models={MODEL}&models={COPY}",
        holds=("[data-testid=stDataFrame]", ".js-plotly-plot"),
    ),
    Screen(name="train", path="train", holds=("[data-testid=stBaseButton-primary]",)),
    Screen(name="a run", path=f"train?run={COPY}", holds=("[data-testid=stMetric]",)),
    Screen(name="data", path="data", holds=("[data-testid=stMetric]", ".js-plotly-plot")),
    Screen(name="images of a set", path="data?section=Images", holds=(LISTED, ".row img")),
    *(
        Screen(
            name=f"thresholds, {section.lower()}",
            path=f"thresholds?run={MODEL}&count_split=val&judge={section}",
            holds=(".threshold[data-ready=true]", shown),
        )
        for section, shown in (
            ("Map", LISTED),
            ("Slices", ".st-key-forest .js-plotly-plot"),
            ("Screening", "[data-testid=stNumberInput]"),
            ("Calibration", ".js-plotly-plot"),
        )
    ),
    Screen(
        name="compare, disagreements",
        path=f"compare?models={MODEL}&models={COPY}&compare_section=Disagreements",
        holds=(LISTED, ".js-plotly-plot"),
    ),
    Screen(
        name="an audit",
        path="data?section=Audit",
        act=audit_set,
        holds=("[data-testid=stMetric]",),
    ),
    Screen(name="a split", path="data?section=Split", holds=("[data-testid=stDataFrame]",)),
    Screen(
        name="a case read by two",
        path=f"?model={MODEL}&second={COPY}",
        act=take_sample,
        holds=(VIEWER, ".panel .score"),
    ),
    Screen(name="help", path="help", holds=(".st-key-example", ".st-key-tour_again button")),
)


def open_screen(page: Page, url: str, screen: Screen) -> None:
    page.goto(f"{url}/{screen.path}")
    wait_until_drawn(page)
    screen.act(page)
    for selector in screen.holds:
        expect(page.locator(selector).first).to_be_visible(timeout=SLOW)
    wait_until_drawn(page)


def wait_until_drawn(page: Page) -> None:
    """What was asked for has reached the server, and the page has answered it."""
    page.wait_for_timeout(500)
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible(
        timeout=SLOW
    )


@contextmanager
def furnished_server(folder: Path, *, women: int = 12) -> Iterator[Server]:
    """A server of its own for a reader with a registered set and a model beside the shipped."""
    home, checkpoints = folder / "home", folder / "checkpoints"
    copy_unlocked(checkpoints / COPY)
    write_phantom_set(home / "women", women=women, seed=3, size=(512, 256))
    entry = Registered(
        name=WOMEN, folder=str(home / "women"), adapter="phantom_set", label_rule="lesion"
    )
    register(home / "datasets", entry)
    settings = {"MAMMO_HOME": str(home), "MAMMO_CHECKPOINTS": str(checkpoints)}
    with running_server(ROOT / "served.py", folder / "app.log", settings) as server:
        yield server
