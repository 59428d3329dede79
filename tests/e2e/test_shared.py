"""Two people on one server: each signs in, has cases of their own, and is signed out in the end."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.sharing.access_log import read_accesses, verify
from mammo_core.sharing.accounts import add_account
from mammo_core.sharing.rights import Role
from tests.e2e.server import ROOT, Server, running_server, strangers

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

IDLE_SECONDS = 90
PASSWORD = "four words of no sense"
TILES = re.compile(r"/media/[0-9a-f]+\.bin")  # every stored pixel, asked for in ranges


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for name, role in (("anna", Role.RESEARCHER), ("ben", Role.READER)):
        add_account(home / "accounts.json", name, role, password=f"{PASSWORD} {name}")
    return home


@pytest.fixture(scope="module")
def shared(shared_home: Path) -> Iterator[Server]:
    settings = {
        "MAMMO_HOME": str(shared_home),
        "MAMMO_CHECKPOINTS": str(shared_home / "checkpoints"),
        "MAMMO_SHARED": "yes",
        "MAMMO_IDLE_SECONDS": str(IDLE_SECONDS),
    }
    with running_server(ROOT / "served.py", shared_home / "app.log", settings) as server:
        yield server


@pytest.fixture
def tabs(browser: Browser, shared: Server) -> Iterator[list[Page]]:
    """A browser for anna and one for ben, neither signed in."""
    contexts = [browser.new_context(viewport={"width": 1400, "height": 900}) for _ in range(2)]
    asked: list[str] = []
    for context in contexts:
        context.on("request", lambda sent: asked.append(sent.url))
    yield [context.new_page() for context in contexts]
    for context in contexts:
        context.close()
    assert strangers(asked) == set()


def sign_in(tab: Page, name: str, password: str = "") -> None:
    tab.get_by_label("Name").fill(name)
    tab.get_by_label("Password").fill(password or f"{PASSWORD} {name}")
    tab.get_by_role("button", name="Sign in").click()


def media_of(tab: Page) -> list[str]:
    """The addresses of pictures and tiles that the tab is shown; filled as they are asked for."""
    seen: list[str] = []
    tab.on("request", lambda sent: seen.append(sent.url))
    return seen


def open_case(tab: Page, folder: Path) -> str:
    """A drawn mammogram that nobody else has, with more pixels than fit a pane; the address of its
    case.
    """
    write_phantom_set(folder, women=12, seed=17, size=(512, 256))
    with Image.open(sorted((folder / "images").rglob("*.png"))[0]) as drawn:
        drawn.resize((2048, 4096)).save(folder / "own.png")
    tab.locator("input[type=file]").first.set_input_files(folder / "own.png")
    expect(tab).to_have_url(re.compile("case="), timeout=90_000)
    pane = tab.locator(".viewer[data-ready=true] canvas").first
    expect(tab.locator(".viewer canvas")).to_have_count(1, timeout=90_000)
    with tab.expect_response(TILES, timeout=30_000):
        pane.dblclick()
    return tab.url


def test_nobody_sees_anothers_case_by_its_address_its_pictures_or_its_upload(
    tabs: list[Page], shared: Server, shared_home: Path, tmp_path: Path
) -> None:
    anna, ben = tabs
    anna.goto(shared.url)
    sign_in(anna, "anna", "a wrong one of hers")
    expect(anna.get_by_role("alert")).to_have_text("That is no name and password known here.")
    sign_in(anna, "anna")
    expect(anna.get_by_text("Drop mammograms here")).to_be_visible(timeout=90_000)
    seen = media_of(anna)
    address = open_case(anna, tmp_path)
    parts = [url for url in seen if re.search(r"/media/|/upload_file/", urlsplit(url).path)]
    parts = [url for url in parts if "/static/" not in url]
    own = [url for url in parts if anna.request.get(url).ok or "upload_file" in url]
    assert len(own) >= 2

    ben.goto(address)
    assert urlsplit(ben.url).path == "/login"
    assert [ben.request.get(url).status for url in own] == [401] * len(own)
    sign_in(ben, "ben")
    expect(ben.get_by_text("everybody opens cases of their own")).to_be_visible(timeout=90_000)
    assert [ben.request.get(url).status for url in own] == [404] * len(own)
    case = re.search(r"case=([0-9a-f]{64})", address)
    assert case is not None
    assert len(list((shared_home / "accounts").glob(f"*/cases/{case[1]}"))) == 1
    accesses = list(read_accesses(shared_home / "access.jsonl"))
    assert {one.account for one in accesses if one.case == case[1]} == {"anna"}
    assert verify(shared_home / "access.jsonl").lines == len(accesses)


def test_a_reader_is_told_what_is_off_and_a_researcher_has_it(
    tabs: list[Page], shared: Server
) -> None:
    anna, ben = tabs
    for tab, name in ((anna, "anna"), (ben, "ben")):
        tab.goto(f"{shared.url}/train")
        sign_in(tab, name)
    make = "Make synthetic set"
    expect(ben.get_by_text("is for researchers and admins").first).to_be_visible(timeout=90_000)
    expect(ben.get_by_role("button", name=make)).to_be_disabled()
    expect(anna.get_by_role("button", name=make)).to_be_enabled(timeout=90_000)
    expect(anna.get_by_text("is for researchers and admins")).to_have_count(0)


def test_signing_out_is_for_good_and_a_page_that_is_left_alone_is_closed(
    tabs: list[Page], shared: Server
) -> None:
    anna, ben = tabs
    anna.goto(f"{shared.url}/data")
    sign_in(anna, "anna")
    expect(anna.get_by_text("open any folder of this server is for admins")).to_be_visible(
        timeout=90_000
    )
    ben.goto(shared.url)
    sign_in(ben, "ben")
    expect(ben.get_by_text("Drop mammograms here")).to_be_visible(timeout=90_000)
    ben.get_by_text("ben", exact=True).click()
    ben.get_by_role("link", name="Sign out").click()
    expect(ben).to_have_url(f"{shared.url}/login")
    ben.go_back()
    expect(ben).to_have_url(re.compile("/login"))

    over = anna.get_by_text("You were signed out, because nothing was done for a while")
    expect(over).to_be_visible(timeout=(IDLE_SECONDS + 30) * 1000)
    sign_in(anna, "anna")
    expect(anna).to_have_url(re.compile("/data"))
