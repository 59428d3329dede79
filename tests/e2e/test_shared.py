"""Two people on one server: each signs in, has cases of their own, and is signed out in the end."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from mammo_core.datasets.dataset import Registered, file_of, register
from mammo_core.files import shipped_checkpoints_root
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import About, write_about
from mammo_core.sharing.access_log import read_accesses, verify
from mammo_core.sharing.accounts import Account, add_account
from mammo_core.sharing.owners import OF_DATA_SET, OF_RUN, write_owner
from mammo_core.sharing.rights import Owner, Role
from tests.e2e.screens import wait_until_drawn
from tests.e2e.server import ROOT, Server, running_server, strangers

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

IDLE_SECONDS = 90
PASSWORD = "four words of no sense"
TILES = re.compile(r"/media/[0-9a-f]+\.bin")  # every stored pixel, asked for in ranges


def add_accounts(home: Path, *, ben: Role) -> dict[str, Account]:
    roles = {"anna": Role.RESEARCHER, "ben": ben}
    return {
        name: add_account(home / "accounts.json", name, role, password=f"{PASSWORD} {name}")
        for name, role in roles.items()
    }


@contextmanager
def shared_server(home: Path, *, idle_seconds: int = IDLE_SECONDS) -> Iterator[Server]:
    settings = {
        "MAMMO_HOME": str(home),
        "MAMMO_CHECKPOINTS": str(home / "checkpoints"),
        "MAMMO_SHARED": "yes",
        "MAMMO_IDLE_SECONDS": str(idle_seconds),
    }
    with running_server(ROOT / "served.py", home / "app.log", settings) as server:
        yield server


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    add_accounts(home, ben=Role.READER)
    return home


@pytest.fixture(scope="module")
def shared(shared_home: Path) -> Iterator[Server]:
    with shared_server(shared_home) as server:
        yield server


@pytest.fixture
def tabs(browser: Browser) -> Iterator[list[Page]]:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A run and a data set of Anna's, all that tells of them, and what an address calls them."""

    run: str
    title: str
    data: str
    folder: str

    @property
    def told(self) -> tuple[str, ...]:
        return self.run, self.title, self.data, self.folder


SECRET = Thing(
    run="20260101-000000-hidden-aaaa",
    title="Kept for Anna alone",
    data="Women of Anna alone",
    folder="folder-of-hers",
)
OPEN = Thing(
    run="20260102-000000-open-bbbb",
    title="Shown to everybody",
    data="Women of everybody",
    folder="folder-of-all",
)
LISTS = ("", "thresholds", "compare", "train?train_show=Runs", "data")
#: An address with a private thing in it, and what says that there is none.
ADDRESSES = {
    f"?model={SECRET.run}": f"There is no '{SECRET.run}' here",
    f"thresholds?run={SECRET.run}": f"There is no '{SECRET.run}' here",
    f"compare?models={SECRET.run}": f"The address also names {SECRET.run}",
    f"train?train_show=Runs&run={SECRET.run}": f"There is no '{SECRET.run}' here",
    f"data?data={SECRET.data.replace(' ', '+')}": f"There is no '{SECRET.data}' here",
}


def furnish(home: Path, thing: Thing, anna: Account, *, is_private: bool) -> None:
    owner = Owner(folder=anna.folder, is_private=is_private)
    run = RunFolder(home / "checkpoints" / thing.run)
    shutil.copytree(shipped_checkpoints_root() / "phantom-light", run.path)
    write_about(run, About(title=thing.title))
    write_owner(run.file(OF_RUN), owner)
    write_phantom_set(home / thing.folder, women=12, seed=3, size=(256, 128))
    entry = Registered(
        name=thing.data,
        folder=str(home / thing.folder),
        adapter="phantom_set",
        label_rule="lesion",
    )
    register(home / "datasets", entry)
    write_owner(file_of(home / "datasets", thing.data).with_suffix(OF_DATA_SET), owner)


@pytest.fixture(scope="module")
def furnished_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One private run and data set, and one shared of each; Ben is a researcher."""
    home = tmp_path_factory.mktemp("furnished")
    anna = add_accounts(home, ben=Role.RESEARCHER)["anna"]
    furnish(home, SECRET, anna, is_private=True)
    furnish(home, OPEN, anna, is_private=False)
    with shared_server(home, idle_seconds=1800) as server:
        yield server


def hear(tab: Page) -> list[bytes]:
    """All that the server says to the tab, whether it is shown or not."""
    heard: list[bytes] = []

    def note(said: str | bytes) -> None:
        heard.append(said if isinstance(said, bytes) else said.encode())

    tab.on("websocket", lambda line: line.on("framereceived", note))
    return heard


def is_told(heard: list[bytes], text: str) -> bool:
    return any(text.encode() in said for said in heard)


def options_of(tab: Page, label: re.Pattern[str]) -> list[str]:
    box = tab.get_by_role("combobox", name=label)
    box.first.click()
    tab.get_by_role("option").first.wait_for()
    found = tab.get_by_role("option").all_inner_texts()
    tab.keyboard.press("Escape")
    return found


def test_what_is_private_is_on_no_list_of_anybody_else(
    tabs: list[Page], furnished_shared: Server
) -> None:
    for tab, name in zip(tabs, ("anna", "ben"), strict=True):
        heard = hear(tab)
        tab.goto(furnished_shared.url)
        sign_in(tab, name)
        for place in LISTS:
            heard.clear()
            tab.goto(f"{furnished_shared.url}/{place}")
            wait_until_drawn(tab)
            of_data = place == "data"
            shown = [thing.data if of_data else thing.title for thing in (OPEN, SECRET)]
            assert [is_told(heard, one) for one in shown] == [True, name == "anna"], place
            if name == "ben":
                assert [one for one in SECRET.told if is_told(heard, one)] == [], place
        label = re.compile("Data set")
        seen = set(options_of(tab, label)) & {OPEN.data, SECRET.data}
        assert seen == ({OPEN.data, SECRET.data} if name == "anna" else {OPEN.data})


def test_an_address_of_what_is_private_leads_nobody_else_to_it(
    tabs: list[Page], furnished_shared: Server
) -> None:
    ben = tabs[1]
    heard = hear(ben)
    ben.goto(furnished_shared.url)
    sign_in(ben, "ben")
    for address, sentence in ADDRESSES.items():
        heard.clear()
        ben.goto(f"{furnished_shared.url}/{address}")
        if address.startswith("?"):
            ben.get_by_text("Folder, model, read first").click(timeout=90_000)
        expect(ben.get_by_text(sentence).first).to_be_visible(timeout=90_000)
        wait_until_drawn(ben)
        asked = SECRET.data if address.startswith("data") else SECRET.run
        assert [one for one in SECRET.told if one != asked and is_told(heard, one)] == [], address
