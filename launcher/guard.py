"""Who may talk to the app: asked of every request and every WebSocket, before Streamlit sees it.

Streamlit itself checks neither the Host of all routes nor the port of an Origin, and goes online to
find out whether a foreign Origin is its own. Plain ASGI, so that it needs nothing installed.
"""

import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs

NAMES: Final = "MAMMO_SERVED_NAMES"  # what the app may be called in an address, with commas
TOKEN: Final = "MAMMO_SERVED_TOKEN"  # empty where none is asked for
SHARED: Final = "MAMMO_SHARED"  # "yes" where whoever comes has to sign in
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_HEALTH: Final = "/_stcore/health"  # "ok" and nothing else: start.py waits for it

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    names: tuple[str, ...] = LOOPBACK_NAMES
    token: str = ""


def rules_from(environment: Mapping[str, str]) -> Rules:
    names = tuple(filter(None, environment.get(NAMES, "").split(",")))
    return Rules(names=names or LOOPBACK_NAMES, token=environment.get(TOKEN, ""))


def is_shared(environment: Mapping[str, str]) -> bool:
    return environment.get(SHARED) == "yes"


def new_token() -> str:
    return secrets.token_urlsafe(24)


class Guard:
    """ASGI middleware: the app, where the rules allow."""

    def __init__(self, app: Application, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._session = secrets.token_urlsafe(24)  # what a browser keeps in place of the token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        problem = refusal(headers, self._rules.names)
        if not problem and self._rules.token and scope["path"] != _HEALTH:
            if self._is_token(_asked(scope)):
                await _redirect(scope, f"{_cookie(scope)}={self._session}", send)
                return
            if not self._is_session(headers.get("cookie", ""), _cookie(scope)):
                problem = "Open the address that was printed when the app was started."
        if problem:
            await _refuse(scope, problem, receive, send)
        else:
            await self._app(scope, receive, _with_headers(scope, send))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._rules.token.encode())

    def _is_session(self, cookies: str, name: str) -> bool:
        try:
            given = SimpleCookie(cookies).get(name)
        except CookieError:
            return False
        return given is not None and hmac.compare_digest(
            given.value.encode(), self._session.encode()
        )


def refusal(headers: Mapping[str, str], names: Iterable[str]) -> str:
    """Why a request with these headers is not answered; "" where it is."""
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() not in {each.lower() for each in names}:
        return "The app is not called so here. Start it with --name to allow this name."
    origin = headers.get("origin", "")
    if origin and origin not in (f"http://{host}", f"https://{host}"):
        return "A page from elsewhere may not use this app."
    return ""


def _headers(scope: Message) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _cookie(scope: Message) -> str:
    """Its name; a browser does not keep those of two ports of one machine apart."""
    return f"mammo_session_{scope['server'][1]}"


def _asked(scope: Message) -> str:
    """The token in the address, of a page that is opened."""
    if scope["type"] != "http":
        return ""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return str(query.get("token", [""])[0])


def _with_headers(scope: Message, send: Send) -> Send:
    """No other page may frame this one, but components lie in frames of its own."""
    framed = "'self'" if scope["path"].startswith("/component/") else "'none'"
    added = [
        (b"content-security-policy", f"frame-ancestors {framed}".encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return send_more


async def _redirect(scope: Message, cookie: str, send: Send) -> None:
    """To the same page without the token, which would else stay in the browser's history."""
    headers = [
        (b"location", scope["path"].encode()),
        (b"set-cookie", f"{cookie}; HttpOnly; SameSite=Lax; Path=/".encode()),
        (b"referrer-policy", b"no-referrer"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Message, problem: str, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": problem.encode()})


def environment_for(names: Iterable[str], token: str, *, is_shared: bool = False) -> dict[str, str]:
    shared = "yes" if is_shared else ""
    return {**os.environ, NAMES: ",".join(names), TOKEN: token, SHARED: shared}
