"""A shared server as start.py runs it: with a certificate, behind nginx, and with an identity
provider of our own. What the door does by itself is in tests/sharing/test_door.py.
"""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from launcher.address import LOOPBACK, Place, is_healthy, names_of
from launcher.app import app_command
from launcher.guard import environment_for
from mammo_core.sharing.access_log import read_accesses
from mammo_core.sharing.accounts import add_account, list_accounts
from mammo_core.sharing.rights import Role
from tests.certificates import write_certificate
from tests.test_start import free_port

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "four words of no sense"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
    "Sec-WebSocket-Protocol": "streamlit",
}
pytestmark = pytest.mark.slow


@contextmanager
def served(home: Path, place: Place, *more: str) -> Iterator[None]:
    variables = environment_for(names_of(place.host, place.names), "", is_shared=True)
    variables |= {"MAMMO_HOME": str(home), "MAMMO_CHECKPOINTS": str(home / "checkpoints")}
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*app_command(Path(sys.executable), place), *more],
            cwd=ROOT,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(server, place, log)
        yield
    finally:
        server.terminate()
        server.wait()


def _wait(process: "subprocess.Popen[bytes]", place: Place, log: Path) -> None:
    deadline = time.monotonic() + 120
    while not is_healthy(place.host, place.port, is_encrypted=place.is_encrypted):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    add_account(folder / "accounts.json", "anna", Role.READER, password=PASSWORD)
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    return write_certificate(folder, name="mammo.lab.example")


def ask(
    port: int, path: str, headers: dict[str, str], *, body: str | None = None
) -> http.client.HTTPResponse:
    """Over TLS; the certificate is made out to another name than loopback's."""
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=30, context=context)
    connection.request("GET" if body is None else "POST", path, body=body, headers=headers)
    response = connection.getresponse()
    if response.status != 101:
        response.read()
    connection.close()
    return response


def sign_in(port: int, host: str) -> str:
    """The cookie, of which every condition that TLS allows is asked."""
    form = urlencode({"name": "anna", "password": PASSWORD})
    headers = {
        "Host": host,
        "Origin": f"https://{host}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = ask(port, "/login", headers, body=form)
    assert answer.status == 303
    assert answer.headers["Set-Cookie"].startswith("__Host-mammo_login")
    assert "; Secure" in answer.headers["Set-Cookie"]
    return str(re.match(r"[^;]+", answer.headers["Set-Cookie"])[0])  # type: ignore[index]


def is_all_well(port: int, host: str, *, is_silent: bool = False) -> None:
    """A login, a page, a WebSocket; and none of them without, nor for a foreign page. One that
    `is_silent` says nothing under a name that is not its own.
    """
    assert ask(port, "/", {"Host": host}).status == 303
    own = {**UPGRADE, "Host": host, "Origin": f"https://{host}"}
    cookie = sign_in(port, host)
    assert ask(port, "/", {"Host": host, "Cookie": cookie}).status == 200
    assert ask(port, "/_stcore/stream", {**own, "Cookie": cookie}).status == 101
    foreign = {**own, "Origin": "https://evil.example", "Cookie": cookie}
    assert ask(port, "/_stcore/stream", foreign).status == 403
    other = ask(port, "/", {"Host": "evil.example", "Cookie": cookie})
    if is_silent:
        assert other.read() == b""
    else:
        assert other.status == 403


def test_with_a_certificate_the_app_is_reached_by_https_alone(
    home: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    place = Place(port=free_port(), names=("mammo.lab.example",), cert=cert, key=key)
    with served(home, place):
        assert not is_healthy(LOOPBACK, place.port), "not by http"
        is_all_well(place.port, f"mammo.lab.example:{place.port}")


def test_behind_nginx_as_the_page_on_sharing_sets_it_up(
    home: Path, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("there is no nginx here: apt-get install nginx-light")
    place, outside = Place(port=free_port(), names=("mammo.lab.example",)), free_port()
    told = (ROOT / "docs" / "shared.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```nginx\n(.*?)```", told, re.DOTALL)
    for documented, here in (
        ("listen 443 ssl", f"listen {LOOPBACK}:{outside} ssl"),
        ("/etc/ssl/mammo/fullchain.pem", str(certificate[0])),
        ("/etc/ssl/mammo/key.pem", str(certificate[1])),
        ("127.0.0.1:8501", f"127.0.0.1:{place.port}"),
    ):
        assert documented in block
        block = block.replace(documented, here)
    folders = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off;\npid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}{block}}}\n"
    )
    with served(home, place):
        proxy = subprocess.Popen([nginx, "-p", str(tmp_path), "-c", str(config)])
        try:
            _wait(proxy, Place(port=outside, cert=certificate[0]), config)
            is_all_well(outside, "mammo.lab.example")
        finally:
            proxy.terminate()
            proxy.wait()


def test_behind_caddy_as_the_page_on_sharing_sets_it_up(
    home: Path, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("there is no caddy here: apt-get install caddy")
    place, outside = Place(port=free_port(), names=("mammo.lab.example",)), free_port()
    cert, key = certificate
    told = (ROOT / "docs" / "shared.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```caddyfile\n(.*?)```", told, re.DOTALL)
    name, app = "mammo.lab.example {", "127.0.0.1:8501"
    assert name in block
    assert app in block
    here = f"https://{name[:-2]}:{outside} {{\n    bind {LOOPBACK}\n    tls {cert} {key}"
    config = tmp_path / "Caddyfile"
    config.write_text(
        "{\n    admin off\n    auto_https disable_redirects\n    default_sni mammo.lab.example\n}\n"
        + block.replace(name, here).replace(app, f"127.0.0.1:{place.port}")
    )
    folders = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = [caddy, "run", "--adapter", "caddyfile", "--config", str(config)]
    with served(home, place):
        proxy = subprocess.Popen(command, env={**os.environ, **folders})
        try:
            _wait_until_open(outside)
            is_all_well(outside, "mammo.lab.example", is_silent=True)
        finally:
            proxy.terminate()
            proxy.wait()


def _wait_until_open(port: int) -> None:
    """Caddy answers under its own name alone."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError):
            socket.create_connection((LOOPBACK, port), timeout=1).close()
            return
        time.sleep(0.1)


class Provider(ThreadingHTTPServer):
    """An OpenID Connect provider of one person, who is signed in there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _ProviderHandler)
        self.address = f"http://{LOOPBACK}:{self.server_port}"
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self.claims: dict[str, Any] = {}
        self.nonces: dict[str, str] = {}


class _ProviderHandler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            code = f"code-{len(self.server.nonces)}"
            self.server.nonces[code] = query.get("nonce", "")
            back = urlencode({"code": code, "state": query["state"]})
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{back}")
            self.end_headers()
        elif asked.path == "/keys":
            self._tell({"keys": [self.server.key.as_dict(private=False)]})
        else:
            here = self.server.address
            self._tell(
                {
                    "issuer": here,
                    "authorization_endpoint": f"{here}/authorize",
                    "token_endpoint": f"{here}/token",
                    "jwks_uri": f"{here}/keys",
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "code_challenge_methods_supported": ["S256"],
                }
            )

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        now = int(time.time())
        claims = {
            "iss": self.server.address, "aud": "mammoscope", "iat": now, "exp": now + 300,
            "nonce": self.server.nonces.pop(body["code"][0]), **self.server.claims,
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.server.key)
        self._tell({"access_token": "a", "token_type": "Bearer", "id_token": token})

    def _tell(self, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def provided() -> Iterator[Provider]:
    with Provider() as provider:
        thread = Thread(target=provider.serve_forever)
        thread.start()
        yield provider
        provider.shutdown()
        thread.join()


class Visit:
    """A browser without a screen: it keeps cookies and follows where it is led."""

    def __init__(self) -> None:
        self.cookies = CookieJar()
        handlers = urllib.request.HTTPCookieProcessor(self.cookies)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handlers)

    def open(self, address: str) -> tuple[int, str, str]:
        """The status, where it ended, and what is there."""
        try:
            with self._opener.open(address, timeout=30) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode()

    def forget_session(self) -> None:
        for one in list(self.cookies):
            if one.name.startswith("mammo_login"):
                self.cookies.clear(one.domain, one.path, one.name)


def test_an_identity_provider_lets_in_whom_an_account_is_for(home: Path, tmp_path: Path) -> None:
    accounts = home / "accounts.json"
    add_account(accounts, "cleo@lab.example", Role.RESEARCHER)
    place = Place(port=free_port())
    app = f"http://{LOOPBACK}:{place.port}"
    with provided() as provider:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(
            f'[auth]\nredirect_uri = "{app}/oauth2callback"\ncookie_secret = "{"s" * 40}"\n'
            '[auth.keycloak]\nclient_id = "mammoscope"\nclient_secret = "secret"\n'
            f'server_metadata_url = "{provider.address}/.well-known/openid-configuration"\n'
        )
        with served(home, place, f"--secrets.files={secrets}"):
            cleo = Visit()
            assert "Sign in with keycloak" in cleo.open(app)[2]
            provider.claims = {"sub": "7", "email": "Cleo@lab.example", "email_verified": True}
            assert cleo.open(f"{app}/login/provider")[:2] == (200, f"{app}/")
            assert list_accounts(accounts)[-1].subject == f"{provider.address} 7"
            cleo.forget_session()
            assert "/login" in cleo.open(app)[1], "the provider's word counts once"

            for claims in (
                {"sub": "8", "email": "cleo@lab.example"},  # the address, given to another
                {"sub": "9", "email": "stranger@lab.example"},
                {"sub": "9", "email": "anna"},  # who has a password
            ):
                provider.claims = claims
                status, _, page = Visit().open(f"{app}/login/provider")
                assert (status, "no account for" in page) == (403, True)
            provider.claims = {"sub": "7", "email": "cleo@lab.example", "email_verified": False}
            assert "/login" in Visit().open(f"{app}/login/provider")[1]
    actions = [(one.account, one.action) for one in read_accesses(home / "access.jsonl")]
    assert actions.count(("cleo@lab.example", "signed in")) == 1
    assert os.environ.get("MAMMO_SHARED") is None
