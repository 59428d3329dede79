"""The door of a shared server, asked as a browser, a stranger and a forger would."""

import asyncio
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from mammo_core.sharing.access_log import read_accesses
from mammo_core.sharing.accounts import add_account, list_accounts, remove_account
from mammo_core.sharing.door import HEADER, Behind, Door, Vouched
from mammo_core.sharing.limits import Limits, Uploads
from mammo_core.sharing.rights import Role, Visitor
from mammo_core.sharing.sessions import Sessions, Tries
from tests.full_disk import room_for

PASSWORD = "four words of no sense"
COOKIE = "mammo_login_8501"


@dataclass
class House:
    """A door, what stands behind it, and a clock."""

    folder: Path
    now: float = 0.0
    reached: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    vouched: Vouched | None = None
    is_full: bool = False
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        behind = Behind(
            place_of_work=lambda data: "/?case=1" if data == b"work" else None,
            farewell=lambda address: b"go to " + address.encode(),
            is_own=lambda path, visitor: not path.endswith(f"not-of-{visitor.name}"),
            is_full=lambda: self.is_full,
            provider="keycloak",
            provider_address=lambda: "/auth/login?provider=signed",
            vouched=lambda cookies: self.vouched,
        )
        self.door = Door(
            self._app,
            accounts=self.folder / "accounts.json",
            log=self.folder / "access.jsonl",
            sessions=Sessions(lambda: self.now),
            tries=Tries(lambda: self.now),
            uploads=Uploads(Limits(uploads_at_once=1, upload_gb_a_day=1), lambda: self.now),
            behind=behind,
        )

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] != "websocket.disconnect":
                self.heard.append(message)
            self.heard.append(message)
            return
        while (await receive()).get("more_body"):
            """Take the body."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the app"})

    @property
    def visitors(self) -> list[str]:
        """What the app was told of who came."""
        told = [dict(scope["headers"]).get(HEADER.encode(), b"") for scope in self.reached]
        return [value.decode().partition(" ")[0] for value in told]

    @property
    def actions(self) -> list[tuple[str, str]]:
        return [(one.account, one.action) for one in read_accesses(self.folder / "access.jsonl")]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def cookie(self) -> str:
        found = re.match(r"[^;]+", self.headers.get("set-cookie", ""))
        return found[0] if found else ""


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: to hash a password is slow, and has to be."""
    file = tmp_path_factory.mktemp("home") / "accounts.json"
    for name in ("anna", "ben"):
        add_account(file, name, Role.READER, password=f"{PASSWORD} {name}")
    return file


@pytest.fixture
def house(tmp_path: Path, accounts: Path) -> House:
    shutil.copy(accounts, tmp_path)
    return House(tmp_path)


def ask(
    house: House, path: str, *, method: str = "GET", body: bytes = b"", cookie: str = "",
    headers: Mapping[str, str] | None = None, scheme: str = "http",
) -> Answer:  # fmt: skip
    sent: list[dict[str, Any]] = []
    path, _, query = path.partition("?")
    told = {"cookie": cookie, "content-length": str(len(body)), **(headers or {})}
    scope = {
        "type": "http", "path": path, "query_string": query.encode(), "method": method,
        "scheme": scheme, "server": ("127.0.0.1", 8501),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(house.door(scope, receive, send))
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    return Answer(sent[0]["status"], answered, text)


def sign_in(house: House, name: str, password: str | None = None, **more: str) -> Answer:
    given = f"{PASSWORD} {name}" if password is None else password
    form = urlencode({"name": name, "password": given, **more}).encode()
    return ask(house, "/login", method="POST", body=form)


def talk(house: House, cookie: str, *, seconds: float = 0.0, said: bytes = b"") -> list[Any]:
    """What a WebSocket of that browser is told, when it says something once and waits then."""
    sent: list[dict[str, Any]] = []
    coming = [{"type": "websocket.connect"}]
    if said:
        coming.append({"type": "websocket.receive", "bytes": said})
    scope = {
        "type": "websocket", "path": "/_stcore/stream", "scheme": "ws",
        "server": ("127.0.0.1", 8501), "subprotocols": ["streamlit", "token"],
        "headers": [(b"cookie", cookie.encode()), (HEADER.encode(), b"root admin " + b"0" * 16)],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop(0)
        house.now += seconds
        await asyncio.sleep(60)  # a browser that says nothing more
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def speak() -> None:
        await asyncio.wait_for(house.door(scope, receive, send), timeout=20)

    asyncio.run(speak())
    return sent


@pytest.mark.parametrize(
    "path",
    ["/media/x.png", "/_stcore/stream", "/_stcore/upload_file/s/f", "/component/x/y.js",
     "/_stcore/bidi-components/x", "/static/js/a.js", "/_stcore/host-config", "/app/static/x"],
)  # fmt: skip
def test_no_part_of_a_page_is_had_without_signing_in(house: House, path: str) -> None:
    for cookie in ("", f"{COOKIE}=guessed", "broken;;=;"):
        assert ask(house, path, cookie=cookie).status == 401
    assert house.reached == []


def test_a_page_leads_to_the_login_and_from_there_back(house: House) -> None:
    sent = ask(house, "/thresholds?case=1&run=2")
    assert (sent.status, house.reached) == (303, [])
    page = ask(house, sent.headers["location"])
    assert 'value="/thresholds?case=1&amp;run=2"' in page.body
    assert "For research only" in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]
    let_in = sign_in(house, "anna", next="/thresholds?case=1&run=2")
    assert let_in.headers["location"] == "/thresholds?case=1&run=2"
    assert "HttpOnly; SameSite=Lax" in let_in.headers["set-cookie"]
    assert ask(house, "/", cookie=let_in.cookie).body == "the app"
    assert house.visitors == ["anna"]


@pytest.mark.parametrize(
    "place", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nx: y", "/logout"]
)
def test_nobody_is_led_elsewhere_by_signing_in(house: House, place: str) -> None:
    assert sign_in(house, "anna", next=place).headers["location"] == "/"


def test_wrong_names_and_passwords_are_told_in_one_sentence_and_then_have_to_wait(
    house: House,
) -> None:
    answers = [sign_in(house, name, "wrong") for name in ("anna", "nobody")]
    assert {answer.status for answer in answers} == {403}
    said = [re.sub(r"\s+", " ", answer.body) for answer in answers]
    assert said[0] == said[1]
    assert answers[0].cookie == ""
    for _ in range(3):
        sign_in(house, "anna", "wrong")
    assert sign_in(house, "anna").status == 429, "even the right one waits"
    assert sign_in(house, "ben").status == 303
    house.now += 60
    assert sign_in(house, "anna").status == 303
    told = [name for name, action in house.actions if "refused" in action]
    assert set(told) == {"anna", "unknown"}, "a name nobody has may be a password"


def test_a_browser_cannot_say_who_it_is(house: House) -> None:
    anna = sign_in(house, "anna").cookie
    for spelled in (HEADER, HEADER.title(), HEADER.upper()):
        ask(house, "/", cookie=anna, headers={spelled: "root admin " + "0" * 16})
    assert set(house.visitors) == {"anna"}
    ask(house, "/_stcore/health", headers={HEADER: "root admin " + "0" * 16})
    assert house.visitors[-1] == "", "what needs no login is told no name"


def test_a_picture_or_an_upload_of_somebody_else_is_not_there(house: House) -> None:
    anna, ben = sign_in(house, "anna").cookie, sign_in(house, "ben").cookie
    assert ask(house, "/media/not-of-ben", cookie=anna).status == 200
    assert ask(house, "/media/not-of-ben", cookie=ben).status == 404
    assert ask(house, "/_stcore/upload_file/not-of-ben", method="PUT", cookie=ben).status == 404


def test_signing_out_and_removing_an_account_end_its_sessions(house: House) -> None:
    anna, ben = sign_in(house, "anna").cookie, sign_in(house, "ben").cookie
    out = ask(house, "/logout", cookie=anna)
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert ask(house, "/", cookie=anna).status == 303
    assert ask(house, "/", cookie=ben).status == 200
    remove_account(house.folder / "accounts.json", "ben")
    assert ask(house, "/", cookie=ben).status == 303
    assert ("anna", "signed out") in house.actions


def test_every_sign_in_begins_a_session_of_its_own(house: House) -> None:
    planted = f"{COOKIE}=planted-by-somebody"
    form = urlencode({"name": "anna", "password": f"{PASSWORD} anna"}).encode()
    first = ask(house, "/login", method="POST", body=form, cookie=planted)
    assert "planted" not in first.cookie
    second = ask(house, "/login", method="POST", body=form, cookie=first.cookie)
    assert second.cookie != first.cookie
    assert ask(house, "/", cookie=first.cookie).status == 303, "the old one is over"


def test_over_https_the_cookie_stays_there_and_comes_from_no_other_host(house: House) -> None:
    form = urlencode({"name": "anna", "password": f"{PASSWORD} anna"}).encode()
    answer = ask(house, "/login", method="POST", body=form, scheme="https")
    assert answer.headers["set-cookie"].startswith(f"__Host-{COOKIE}=")
    assert answer.headers["set-cookie"].endswith("Secure")
    assert ask(house, "/", cookie=answer.cookie, scheme="https").status == 200


@pytest.mark.slow
def test_a_page_that_is_left_alone_is_led_to_the_login_and_its_clock_does_not_count(
    house: House,
) -> None:
    anna = sign_in(house, "anna").cookie
    told = talk(house, anna, seconds=1801, said=b"work")
    assert told[0]["type"] == "websocket.accept"
    assert told[-2]["bytes"] == b"go to /login?over=1&next=%2F%3Fcase%3D1"
    assert told[-1]["type"] == "websocket.close"
    assert house.heard[-1]["type"] == "websocket.disconnect"
    assert house.visitors[-1] == "anna", "not whom the browser calls itself"
    assert ask(house, "/", cookie=anna).status == 303

    again = sign_in(house, "anna").cookie
    house.now += 1000
    ask(house, "/_stcore/stream", cookie=again)
    talk(house, again, seconds=801, said=b"the page's own clock")
    assert ask(house, "/", cookie=again).status == 303


def test_a_web_socket_without_a_login_is_told_where_that_is_and_no_more(house: House) -> None:
    told = talk(house, "")
    assert [message["type"] for message in told] == [
        "websocket.accept", "websocket.send", "websocket.close",
    ]  # fmt: skip
    assert told[0]["subprotocol"] == "streamlit"
    assert house.reached == []


def test_uploads_are_counted_and_wait_where_the_memory_is_full(house: House) -> None:
    anna = sign_in(house, "anna").cookie
    upload = "/_stcore/upload_file/s/f"
    assert ask(house, upload, method="PUT", body=b"x" * 10, cookie=anna).status == 200
    large = {"content-length": str(10**9)}
    assert ask(house, upload, method="PUT", cookie=anna, headers=large).status == 429
    house.is_full = True
    assert ask(house, upload, method="PUT", body=b"x", cookie=anna).status == 429


def test_whom_a_provider_vouches_for_needs_an_account_without_a_password(house: House) -> None:
    accounts = house.folder / "accounts.json"
    add_account(accounts, "cleo@lab.example", Role.RESEARCHER)
    house.vouched = Vouched(name="cleo@lab.example", subject="https://id.example 7")
    assert ask(house, "/").cookie
    assert list_accounts(accounts)[-1].subject == "https://id.example 7"
    house.vouched = Vouched(name="cleo@lab.example", subject="https://id.example 8")
    refused = ask(house, "/")
    assert (refused.status, refused.cookie) == (403, ""), "the address was given to another"
    for name in ("anna", "stranger@lab.example"):
        house.vouched = Vouched(name=name, subject="https://id.example 9")
        assert (ask(house, "/").status, ask(house, "/").cookie) == (403, "")
    assert ask(house, "/login/provider").headers["location"] == "/auth/login?provider=signed"


def test_nobody_gets_in_where_the_accounts_cannot_be_read(house: House) -> None:
    anna = sign_in(house, "anna").cookie
    (house.folder / "accounts.json").write_text('{"accounts": [{"name": "anna"')
    assert ask(house, "/", cookie=anna).status == 303
    assert sign_in(house, "anna").status in (403, 429)


def test_the_app_behind_is_told_the_folder_and_role_of_its_visitor(house: House) -> None:
    ask(house, "/", cookie=sign_in(house, "anna").cookie)
    account = list_accounts(house.folder / "accounts.json")[0]
    told = dict(house.reached[0]["headers"])[HEADER.encode()].decode()
    assert told == Visitor(name="anna", role=Role.READER, folder=account.folder).header


def test_who_cannot_be_written_down_does_not_come_in_and_is_told_why(house: House) -> None:
    """The log is all that tells who saw whose images: on a full disk nobody comes in unseen."""
    anna = sign_in(house, "anna").cookie
    house.vouched = Vouched(name="carla", subject="somewhere 1")
    with room_for(0):
        answers = [
            sign_in(house, "anna"),
            sign_in(house, "ben", "a wrong one"),
            ask(house, "/"),
            ask(house, "/logout", cookie=anna),
        ]
    assert [one.status for one in answers] == [503] * 4
    assert [one.cookie for one in answers] == [""] * 4
    assert all("there is no room left on the disk" in one.body for one in answers)
    assert house.actions == [("anna", "signed in")]
    assert house.reached == []
    house.vouched = None
    assert ask(house, "/", cookie=anna).status == 303, "signed out even so"


@pytest.mark.slow  # 2 seconds
def test_a_session_that_ends_on_a_full_disk_leads_away_all_the_same(house: House) -> None:
    anna = sign_in(house, "anna").cookie
    with room_for(0):
        told = talk(house, anna, seconds=1801)
    assert [message["type"] for message in told[-2:]] == ["websocket.send", "websocket.close"]
    assert ask(house, "/", cookie=anna).status == 303
