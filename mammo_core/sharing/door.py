"""The door of a shared server: a page to sign in, and nothing behind it for who has not. Plain
ASGI, asked for every request and every WebSocket before Streamlit sees it.

The pages behind it learn who looks at them by a header that the door sets and no browser can.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote

from mammo_core.errors import DiskError, MammoError
from mammo_core.html import render
from mammo_core.sharing.access_log import note_access
from mammo_core.sharing.accounts import (
    Account,
    find_account,
    is_password,
    list_accounts,
    pin_subject,
)
from mammo_core.sharing.limits import Uploads
from mammo_core.sharing.rights import Visitor
from mammo_core.sharing.sessions import Sessions, Tries

HEADER: Final = "x-mammo-visitor"
_LOGIN: Final = "/login"
_LOGOUT: Final = "/logout"
_TO_PROVIDER: Final = "/login/provider"
_OPEN: Final = ("/_stcore/health", "/auth/login", "/auth/logout", "/oauth2callback")
_UPLOADS: Final = "/_stcore/upload_file/"
#: What a page is made of; all other addresses are pages, which lead to the login.
_PARTS: Final = ("/_stcore/", "/media/", "/component/", "/static/", "/app/")
_LOOK_SECONDS: Final = 2.0  # how often an open page is asked whether its visitor is still signed in
_MOST_BYTES: Final = 8192  # of the form
_AT_ONCE: Final = 2  # passwords that are checked, each with 64 MB
_STYLED_PAGE: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
)
_WRONG: Final = "That is no name and password known here."
_OVER: Final = "You were signed out, because nothing was done for a while. Sign in again."

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What an identity provider said of somebody, a moment ago."""

    name: str
    subject: str  # issuer and number


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What the door has to ask of the server behind it."""

    place_of_work: Callable[[bytes], str | None]  # where a message says its visitor is, who did it
    farewell: Callable[[str], bytes]  # the message that leads a browser to that address
    is_own: Callable[[str, Visitor], bool]  # whether a picture or upload is of that visitor
    is_full: Callable[[], bool]
    provider: str = ""  # what the identity provider is called; empty where there is none
    provider_address: Callable[[], str] = str
    vouched: Callable[[Mapping[str, str]], Vouched | None] = lambda cookies: None


class Door:
    """ASGI middleware: the app, for whoever has signed in."""

    def __init__(
        self,
        app: Application,
        *,
        accounts: Path,
        log: Path,
        sessions: Sessions,
        tries: Tries,
        uploads: Uploads,
        behind: Behind,
    ) -> None:
        self._app = app
        self._file = accounts
        self._log = log
        self._sessions = sessions
        self._tries = tries
        self._uploads = uploads
        self._behind = behind
        self._known: tuple[int, tuple[Account, ...]] = (-1, ())
        self._checking = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = _without_header(scope)
        if scope["type"] == "websocket":
            await self._talk(scope, receive, send)
        elif scope["path"] in _OPEN:
            await self._app(scope, receive, send)
        elif scope["path"] in (_LOGIN, _LOGOUT, _TO_PROVIDER):
            await self._noted(self._at_the_door(scope, receive, send), send)
        else:
            await self._answer(scope, receive, send)

    async def _at_the_door(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == _LOGOUT:
            await self._sign_out(scope, send)
        elif scope["path"] == _TO_PROVIDER and self._behind.provider:
            await _redirect(send, self._behind.provider_address())
        elif scope["method"] == "POST":
            await self._sign_in(scope, await _form(receive), send)
        else:
            asked = _query(scope)
            said = _OVER if "over" in asked else ""
            await self._show(send, said=said, place=asked.get("next", ""))

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        """A page or a part of one, to whom it is for."""
        token = _token(scope)
        account = self._account(token)
        if account is None:
            await self._send_away(scope, send)
            return
        if not self._behind.is_own(scope["path"], account.visitor):
            await _say(send, 404, "There is nothing here.")
            return
        scope = _with_header(scope, account)
        if scope["path"].startswith(_UPLOADS) and scope["method"] in ("POST", "PUT"):
            self._sessions.touch(token)
            await self._take(account, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _send_away(self, scope: Message, send: Send) -> None:
        if scope["path"].startswith(_PARTS):
            await _say(send, 401, "Sign in first.")
            return
        vouched = self._behind.vouched(_cookies(scope))
        if vouched is not None:
            await self._noted(self._welcome(vouched, scope, send), send)
            return
        place = scope["path"]
        if scope.get("query_string"):
            place += "?" + scope["query_string"].decode("latin-1")
        await _redirect(send, f"{_LOGIN}?next={quote(place, safe='')}")

    async def _take(self, account: Account, scope: Message, receive: Receive, send: Send) -> None:
        """An upload, within what an account may send."""
        size = _headers(scope).get("content-length", "")
        problem = self._uploads.problem(account.folder, int(size) if size.isdecimal() else 0)
        if self._behind.is_full():
            problem = "The server's memory is full. Try again in a minute."
        if problem:
            await _say(send, 429, problem)
            return

        async def counted() -> Message:
            message = await receive()
            self._uploads.count(account.folder, len(message.get("body", b"")))
            return message

        self._uploads.begin(account.folder)
        try:
            await self._app(scope, counted, send)
        finally:
            self._uploads.end(account.folder)

    async def _talk(self, scope: Message, receive: Receive, send: Send) -> None:
        """A page's WebSocket, until its visitor is signed out."""
        token = _token(scope)
        account = self._account(token)
        if account is None:
            await receive()
            await send({"type": "websocket.accept", "subprotocol": _protocol(scope)})
            await _lead_away(send, self._behind.farewell(f"{_LOGIN}?over=1"))
            return
        talk = _Talk(door=self, name=account.name, token=token, receive=receive, send=send)
        await self._app(_with_header(scope, account), talk.next_message, talk.say)

    async def _sign_in(self, scope: Message, form: Mapping[str, str], send: Send) -> None:
        name, place = form.get("name", "").strip().lower(), form.get("next", "")
        wait = self._tries.wait_seconds(name)
        if wait > 0:
            said = f"Too many wrong tries. Try again in {wait:.0f} s."
            await self._show(send, said=said, place=place, status=429)
            return
        account = find_account(self._accounts(), name)
        self._tries.failed(name)  # before the check, which takes a while: others try meanwhile
        async with self._checking:
            password = form.get("password", "")
            is_right = await asyncio.to_thread(is_password, account, password)
        if account is None or not is_right:
            # A name that is not known may be a password in the wrong field
            await self.note(account.name if account else "unknown", "was refused at the door")
            await self._show(send, said=_WRONG, place=place, status=403)
            return
        self._tries.passed(name)
        await self._let_in(account, place, scope, send)

    async def _welcome(self, vouched: Vouched, scope: Message, send: Send) -> None:
        account = find_account(self._accounts(), vouched.name)
        if account is None or account.password or account.subject not in ("", vouched.subject):
            await self.note("unknown", "was vouched for, and is not known")
            said = (
                f"{self._behind.provider} knows you as {vouched.name}, but there is no account for "
                "you here. Ask whoever runs this server."
            )
            await self._show(send, said=said, status=403)
            return
        if not account.subject:
            await asyncio.to_thread(pin_subject, self._file, account.name, vouched.subject)
        await self._let_in(account, "/", scope, send)

    async def _let_in(self, account: Account, place: str, scope: Message, send: Send) -> None:
        """A new session at every sign-in, so that nobody can prepare one for somebody else."""
        self._sessions.end(_token(scope))
        await self.note(account.name, "signed in")
        token = self._sessions.begin(account)  # none that the log does not know of
        await _redirect(send, _safe(place), cookie=_cookie(scope, token))

    async def _sign_out(self, scope: Message, send: Send) -> None:
        token = _token(scope)
        account = self._account(token)
        self._sessions.end(token)
        if account is not None:
            await self.note(account.name, "signed out")
        is_vouched = account is not None and not account.password
        place = "/auth/logout" if is_vouched else _LOGIN
        await _redirect(send, place, cookie=f"{_cookie(scope, '')}; Max-Age=0")

    async def _show(
        self, send: Send, *, said: str = "", place: str = "", status: int = 200
    ) -> None:
        values = {
            "said": said,
            "is_wrong": status != 200,
            "next": _safe(place),
            "has_passwords": any(one.password for one in self._accounts()),
            "has_provider": bool(self._behind.provider),
            "provider": self._behind.provider,
        }
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
        headers += [(b"content-security-policy", _STYLED_PAGE.encode())]
        await _reply(send, status, headers, render("login.html", values))

    async def note(self, name: str, action: str) -> None:
        await asyncio.to_thread(partial(note_access, self._log, name, action))

    async def _noted(self, answer: Awaitable[None], send: Send) -> None:
        """Nobody comes in whom the log has no room for, and it is said why."""
        try:
            await answer
        except DiskError as error:
            await self._show(send, said=str(error), status=503)

    def _account(self, token: str) -> Account | None:
        return self._sessions.account_of(token, self._accounts()) if token else None

    def _accounts(self) -> tuple[Account, ...]:
        """Read again when the file was written: who is removed is out at once."""
        try:
            written = self._file.stat().st_mtime_ns
        except OSError:
            return ()
        if written != self._known[0]:
            try:
                self._known = (written, list_accounts(self._file))
            except (MammoError, OSError):
                return ()  # damaged: nobody gets in
        return self._known[1]

    def is_signed_in(self, token: str) -> bool:
        return self._account(token) is not None

    def heard(self, token: str, message: bytes) -> str | None:
        """Where the visitor is, if it was the visitor's doing and not the page's own clock."""
        place = self._behind.place_of_work(message)
        if place is not None:
            self._sessions.touch(token)
        return place

    def farewell(self, place: str) -> bytes:
        return self._behind.farewell(f"{_LOGIN}?over=1&next={quote(place, safe='')}")


class _Talk:
    """The two directions of one WebSocket, with the door listening."""

    def __init__(self, *, door: Door, name: str, token: str, receive: Receive, send: Send) -> None:
        self._door = door
        self._name = name
        self._token = token
        self._receive = receive
        self._send = send
        self._place = "/"
        self._is_over = False
        self._coming: asyncio.Future[Message] | None = None

    async def next_message(self) -> Message:
        coming = self._coming or asyncio.ensure_future(self._receive())
        self._coming = coming
        while not coming.done():
            await asyncio.wait({coming}, timeout=_LOOK_SECONDS)
            if not self._door.is_signed_in(self._token):
                coming.cancel()
                self._is_over = True
                with suppress(DiskError):  # who leaves is led away all the same
                    await self._door.note(self._name, "left a page whose session was over")
                await _lead_away(self._send, self._door.farewell(self._place))
                return {"type": "websocket.disconnect", "code": 1008}
        self._coming = None
        message = coming.result()
        if message.get("bytes"):
            self._place = self._door.heard(self._token, message["bytes"]) or self._place
        return message

    async def say(self, message: Message) -> None:
        if not self._is_over:
            await self._send(message)


async def _lead_away(send: Send, farewell: bytes) -> None:
    await send({"type": "websocket.send", "bytes": farewell})
    await send({"type": "websocket.close", "code": 1008})


def _safe(place: str) -> str:
    """A page of ours and nobody else's: `//host` and `/\\host` are of other servers."""
    is_ours = place.startswith("/") and not place.startswith(("//", "/\\", _LOGIN, _LOGOUT))
    return place if is_ours and place.isprintable() and place.isascii() else "/"


def _headers(scope: Message) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _without_header(scope: Message) -> Message:
    kept = [one for one in scope["headers"] if one[0].lower() != HEADER.encode()]
    return {**scope, "headers": kept}


def _with_header(scope: Message, account: Account) -> Message:
    own = (HEADER.encode(), account.visitor.header.encode())
    return {**scope, "headers": [*scope["headers"], own]}


def _cookies(scope: Message) -> dict[str, str]:
    try:
        jar = SimpleCookie(_headers(scope).get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _cookie_name(scope: Message) -> str:
    """A browser does not keep those of two ports of one machine apart. The prefix makes it take
    none that another host of the domain has set.
    """
    prefix = "__Host-" if _is_encrypted(scope) else ""
    return f"{prefix}mammo_login_{scope['server'][1]}"


def _is_encrypted(scope: Message) -> bool:
    return scope.get("scheme") in ("https", "wss")


def _cookie(scope: Message, token: str) -> str:
    secure = "; Secure" if _is_encrypted(scope) else ""
    return f"{_cookie_name(scope)}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _token(scope: Message) -> str:
    return _cookies(scope).get(_cookie_name(scope), "")


def _query(scope: Message) -> dict[str, str]:
    return _first_of(scope.get("query_string", b""))


def _first_of(text: bytes) -> dict[str, str]:
    parsed = parse_qs(text.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in parsed.items()}


def _protocol(scope: Message) -> str | None:
    return next(iter(scope.get("subprotocols") or ()), None)


async def _form(receive: Receive) -> dict[str, str]:
    body = b""
    while len(body) <= _MOST_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            return _first_of(body) if len(body) <= _MOST_BYTES else {}
    return {}


async def _redirect(send: Send, place: str, *, cookie: str = "") -> None:
    headers = [(b"location", place.encode()), (b"cache-control", b"no-store")]
    if cookie:
        headers.append((b"set-cookie", cookie.encode()))
    await _reply(send, 303, headers, "")


async def _say(send: Send, status: int, sentence: str) -> None:
    await _reply(send, status, [(b"content-type", b"text/plain; charset=utf-8")], sentence)


async def _reply(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
