"""Firefox, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/) over its own WebSocket:
Playwright can drive only a Firefox of its own making, and tests fetch no browser beside Debian's.
"""

import base64
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from launcher.address import LOOPBACK

COMMANDS: Final = ("firefox-esr", "firefox")
START_SECONDS: Final = 60
SLOW: Final = 90.0  # seconds; torch is imported with the first score
_POLL: Final = 0.2
_LARGEST: Final = 2**27  # bytes of an answer: a picture of the tab

#: `find` and `all` look into components as well, whose elements stand in a shadow of their own.
_HELPERS: Final = """
const roots = (from) => [from, ...[...from.querySelectorAll("*")]
  .filter((one) => one.shadowRoot).flatMap((one) => roots(one.shadowRoot))];
const words = (one) => `${one.getAttribute("aria-label") ?? ""} ${one.innerText ?? ""}`;
const all = (selector, text = "") => roots(document)
  .flatMap((root) => [...root.querySelectorAll(selector)])
  .filter((one) => one.checkVisibility() && words(one).includes(text));
const find = (selector, text) => all(selector, text)[0];
"""
#: As Playwright does: what still moves would not be where the mouse goes.
_STAYS: Final = """await (async () => {{
  const place = () => JSON.stringify({element}?.getBoundingClientRect());
  const before = place();
  await new Promise((resolve) => setTimeout(resolve, 400));
  return before !== undefined && before === place() &&
    !document.querySelector("[data-test-script-state=running]");
}})()"""


def find_firefox() -> str | None:
    """An installed Firefox; MAMMO_FIREFOX names another."""
    named = os.environ.get("MAMMO_FIREFOX")
    return named or next((path for path in map(shutil.which, COMMANDS) if path), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One tab. What is looked for is said in JavaScript, with `find(selector, text)` and `all`."""

    connection: ClientConnection
    context: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def goto(self, url: str) -> None:
        self._ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        viewport = {"width": width, "height": height}
        self._ask("browsingContext.setViewport", context=self.context, viewport=viewport)

    def value(self, expression: str) -> Any:
        """What `expression` is, as JSON tells it."""
        told = self._evaluate(f"JSON.stringify(({expression}) ?? null)")
        return json.loads(told["value"])

    def wait_for(self, expression: str, *, seconds: float = SLOW) -> Any:
        """What `expression` is as soon as that is true."""
        deadline = time.monotonic() + seconds
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, f"Firefox never had: {expression}"
            time.sleep(_POLL)
        return found

    def click(self, element: str) -> None:
        """With the mouse, into the middle of what the expression finds, once it stays in place."""
        self.wait_for(_STAYS.format(element=element))
        self._evaluate(f"{element}?.scrollIntoView({{block: 'center'}})")
        self.point_at(element)
        presses = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._act({"type": "pointer", "id": "mouse", "actions": presses})

    def point_at(self, element: str) -> None:
        """Move the mouse into the middle of it."""
        middle = {"type": "element", "element": self._reference(element)}
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": middle}
        self._act({"type": "pointer", "id": "mouse", "actions": [move]})

    def press(self, key: str) -> None:
        strokes = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def set_files(self, element: str, files: list[Path]) -> None:
        names, place = [str(path) for path in files], self._reference(element)
        self._ask("input.setFiles", context=self.context, element=place, files=names)

    def take_picture(self, path: Path) -> None:
        told = self._ask("browsingContext.captureScreenshot", context=self.context)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(told["data"]))

    def _act(self, source: dict[str, Any]) -> None:
        self._ask("input.performActions", context=self.context, actions=[source])

    def _reference(self, element: str) -> dict[str, str]:
        """Of what the expression finds, as soon as it does: a page that runs again takes an element
        away for a moment.
        """
        self.wait_for(f"Boolean({element})")
        found = self._evaluate(element)
        return {"sharedId": found["sharedId"]} if "sharedId" in found else self._reference(element)

    def _evaluate(self, expression: str) -> Any:
        told = self._ask(
            "script.callFunction",
            functionDeclaration=f"async () => {{ {_HELPERS} return {expression}; }}",
            target={"context": self.context},
            awaitPromise=True,
        )
        if told["type"] == "exception":
            raise AssertionError(f"{told['exceptionDetails']['text']} in {expression}")
        return told["result"]

    def _ask(self, method: str, **parameters: Any) -> Any:
        return ask(self.connection, next(self.numbers), method, parameters)


def ask(line: ClientConnection, number: int, method: str, parameters: dict[str, Any]) -> Any:
    """The answer to one command; what Firefox tells unasked is passed over."""
    line.send(json.dumps({"id": number, "method": method, "params": parameters}))
    while True:
        message = json.loads(line.recv(timeout=SLOW))
        if message.get("id") == number:
            assert message["type"] == "success", f"{method}: {message}"
            return message["result"]


@contextmanager
def running_firefox(program: str, profile: Path) -> Iterator[Tab]:
    """A tab of a Firefox without a window, with a profile of its own, while the context lasts."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    profile.mkdir(parents=True, exist_ok=True)
    flags = ["--headless", "--no-remote", "--profile", str(profile)]
    process = subprocess.Popen(
        [program, *flags, f"--remote-debugging-port={port}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with _connected(port) as line:
            ask(line, 1_000_000, "session.new", {"capabilities": {}})
            tree = ask(line, 1_000_001, "browsingContext.getTree", {})
            context = tree["contexts"][0]["context"]
            yield Tab(connection=line, context=context)
    finally:
        process.terminate()
        process.wait()


def _connected(port: int) -> ClientConnection:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            address = f"ws://{LOOPBACK}:{port}/session"
            return connect(address, max_size=_LARGEST, proxy=None)
        except (OSError, WebSocketException):
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL)
