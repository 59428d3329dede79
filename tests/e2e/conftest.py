"""A real server and a real browser. Run with: pytest -m e2e

`page` is a new tab at the app's first page. Its test fails if the browser asks any host but the
server for anything. With MAMMO_SCREENSHOTS=1, `take_picture` keeps what the tab shows.
"""

import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from launcher.browser import find_browser
from launcher.checks import NO_BROWSER, says_yes
from tests.e2e.screens import furnished_server
from tests.e2e.server import ROOT, Server, running_server, strangers

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = ROOT / "screenshots"
SHOWN = pytest.StashKey[tuple[Page, Server]]()
LAST_LINES = 40

expect.set_options(timeout=120_000)  # the first view of a page imports what it needs


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_browser(playwright), args=FLAGS)
        yield chromium
        chromium.close()


def _browser(playwright: Playwright) -> str:
    path = find_browser() or playwright.chromium.executable_path
    if not Path(path).exists():
        if says_yes(os.environ.get("CI", "")):
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    return path


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs that every server here sees; empty at first."""
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What takes the place of the user's own folder."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def settings(checkpoints: Path, home: Path) -> dict[str, str]:
    return {"MAMMO_CHECKPOINTS": str(checkpoints), "MAMMO_HOME": str(home)}


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[Server]:
    """The app; one server for all tests."""
    log = tmp_path_factory.mktemp("server") / "app.log"
    with running_server(ROOT / "served.py", log, settings) as server:
        yield server


@pytest.fixture
def fresh_app(
    tmp_path: Path, settings: dict[str, str], page: Page, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """The app on a server that nobody has visited; `page` has still to go there."""
    with running_server(ROOT / "served.py", tmp_path / "app.log", settings) as server:
        request.node.stash[SHOWN] = (page, server)
        yield server


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app of a reader who has worked with it already; see tests/e2e/screens.py."""
    with furnished_server(tmp_path_factory.mktemp("furnished")) as server:
        yield server


@pytest.fixture(scope="session")
def serve(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]
) -> Iterator[Callable[[Path], str]]:
    """The address of a server for a script of the test's own; at most one server for each."""
    with ExitStack() as servers:
        running: dict[Path, Server] = {}

        def address_of(script: Path) -> str:
            if script not in running:
                log = tmp_path_factory.mktemp("server") / f"{script.stem}.log"
                running[script] = servers.enter_context(running_server(script, log, settings))
            return running[script].url

        yield address_of


@pytest.fixture
def requests_seen() -> list[str]:
    """The address of every request that the tab has made, web sockets included."""
    return []


@pytest.fixture
def page(
    browser: Browser, app: Server, requests_seen: list[str], request: pytest.FixtureRequest
) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1400, "height": 900},
        service_workers="block",  # their requests could not be seen
    )
    context.on("request", lambda sent: requests_seen.append(sent.url))
    tab = context.new_page()
    tab.on("websocket", lambda socket: requests_seen.append(socket.url))
    request.node.stash[SHOWN] = (tab, app)
    tab.goto(app.url)
    yield tab
    context.close()
    assert strangers(requests_seen) == set(), "the browser asked another host than the server"


@pytest.fixture
def take_picture(page: Page) -> Callable[[str], None]:
    """Keep what the tab shows under a name, where pictures are wanted."""

    def keep(name: str) -> None:
        if says_yes(os.environ.get("MAMMO_SCREENSHOTS", "")):
            page.screenshot(path=PICTURES / f"{name}.png")

    return keep


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the tab showed and what the server said."""
    report = yield
    if report.when == "call" and report.failed and SHOWN in item.stash:
        tab, server = item.stash[SHOWN]
        picture = PICTURES / "failed" / (re.sub(r"[^\w-]+", "-", item.name) + ".png")
        tab.screenshot(path=picture)
        last = server.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        report.sections.append(("the tab", f"{tab.url}\n{picture}"))
        report.sections.append((f"end of the server's log {server.log}", "\n".join(last)))
    return report
