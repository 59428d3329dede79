"""Who may talk to the app, asked of the running server as a hostile page or account would."""

import http.client
import os
import re
import socket
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from launcher.address import LOOPBACK, Place, is_healthy, names_of
from launcher.app import app_command
from launcher.guard import NAMES, TOKEN, refusal

ROOT = Path(__file__).resolve().parent.parent
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
}


@contextmanager
def outside() -> Iterator[tuple[int, list[str]]]:
    """A proxy through which everything outbound would go, and what was asked of it."""
    asked: list[str] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_CONNECT = do_GET  # noqa: N815 - the name that the server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer((LOOPBACK, 0), Recorder) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


@contextmanager
def served(home: Path, *, token: str = "", proxy: int = 9) -> Iterator[int]:
    """The app as start.py runs it; its port."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "MAMMO_HOME": str(home),
        "http_proxy": f"http://{LOOPBACK}:{proxy}",
        "https_proxy": f"http://{LOOPBACK}:{proxy}",
        NAMES: "",
        TOKEN: token,
    }
    command = app_command(Path(sys.executable), Place(port=port))
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not is_healthy(LOOPBACK, port):
            assert server.poll() is None, "the server ended at once"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def ask(port: int, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    if response.status != 101:
        response.read()
    connection.close()
    return response


def test_no_foreign_page_name_or_frame_gets_in_and_nothing_goes_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    with outside() as (proxy, asked), served(home, proxy=proxy) as port:
        own = f"http://{LOOPBACK}:{port}"
        for origin in ("http://evil.example", f"http://{LOOPBACK}:{port + 1}", "null"):
            headers = {**UPGRADE, "Origin": origin}
            assert ask(port, "/_stcore/stream", headers).status == 403
        assert ask(port, "/_stcore/stream", {**UPGRADE, "Origin": own}).status == 101
        for path in ("/", "/_stcore/health", "/_stcore/host-config", "/media/x", "/static/x"):
            assert ask(port, path, {"Host": f"evil.example:{port}"}).status == 403
        page = ask(port, "/", {})
        assert page.status == 200
        assert page.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert asked == []
    if os.name != "nt":
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_with_a_token_only_the_printed_address_opens_the_app(tmp_path: Path) -> None:
    with served(tmp_path / "home", token="the-token") as port:
        own = f"http://{LOOPBACK}:{port}"
        assert ask(port, "/_stcore/health", {}).status == 200
        for path in ("/", "/?token=another", "/_stcore/host-config"):
            assert ask(port, path, {}).status == 403
        assert ask(port, "/_stcore/stream", {**UPGRADE, "Origin": own}).status == 403
        opened = ask(port, "/?token=the-token", {})
        assert (opened.status, opened.headers["Location"]) == (303, "/")
        found = re.match(r"([^;]+); HttpOnly; SameSite=Lax", opened.headers["Set-Cookie"])
        assert found is not None
        assert "the-token" not in found[1]
        assert ask(port, "/", {"Cookie": found[1]}).status == 200
        headers = {**UPGRADE, "Origin": own, "Cookie": found[1]}
        assert ask(port, "/_stcore/stream", headers).status == 101


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({"host": "localhost:8501", "origin": "http://localhost:8501"}, False),
        ({"host": "[::1]:8501"}, False),
        ({"host": "LOCALHOST"}, False),
        ({"host": "localhost:8501", "origin": "http://localhost:9000"}, True),
        ({"host": "localhost:8501", "origin": "http://localhost"}, True),
        ({"host": "localhost.evil.example"}, True),
        ({"host": "127.0.0.1.evil.example:8501"}, True),
        ({"host": ""}, True),
        ({}, True),
    ],
)
def test_host_and_origin_are_compared_whole(headers: dict[str, str], is_refused: bool) -> None:
    assert bool(refusal(headers, names_of(LOOPBACK))) is is_refused


def test_what_breaks_a_page_is_told_in_the_log_and_not_on_the_page() -> None:
    """A traceback names folders of the server, and what files said."""
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["client"]["showErrorDetails"] == "none"
