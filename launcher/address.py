"""Where the app listens: whether it can, and who reaches it there under which name."""

import contextlib
import errno
import http.client
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from launcher.guard import LOOPBACK_NAMES

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 8501
_BUSY_SECONDS: Final = 5.0  # in which an app answers that has much to do
EVERYWHERE: Final[Mapping[str, str]] = {"0.0.0.0": LOOPBACK, "::": "::1"}  # and how we reach it


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the app listens, how it may be called as well, and what it proves its name with."""

    host: str = LOOPBACK
    port: int = PORT
    names: tuple[str, ...] = ()
    cert: Path | None = None
    key: Path | None = None

    @property
    def is_encrypted(self) -> bool:
        return self.cert is not None

    @property
    def url(self) -> str:
        return url_of(self.host, self.port, is_encrypted=self.is_encrypted)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or nothing at all: others may reach it
        return False


def reachable_name(host: str) -> str:
    """The machine's name as others type it, where the app listens at `host`."""
    return socket.gethostname() if host in EVERYWHERE else host


def url_of(host: str, port: int, *, is_encrypted: bool = False) -> str:
    name, scheme = reachable_name(host), "https" if is_encrypted else "http"
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"


def names_of(host: str, more: Sequence[str] = ()) -> tuple[str, ...]:
    """What the app at `host` may be called in an address; all others are refused."""
    names = [*LOOPBACK_NAMES, *more]
    if host in EVERYWHERE:
        names.append(socket.gethostname())
        with contextlib.suppress(OSError):
            found = socket.getaddrinfo(socket.gethostname(), None)
            names += [str(address[0]) for *_, address in found]
    else:
        names.append(host)
    return tuple(dict.fromkeys(f"[{n}]" if n.count(":") > 1 and n[0] != "[" else n for n in names))


def certificate_problem(place: Place) -> str | None:
    """Why nobody could be reached by it; None where there is none, or all is well."""
    if (place.cert is None) != (place.key is None):
        return "--cert and --key go together: a certificate, and the key it was made with."
    for file in (place.cert, place.key):
        if file is not None and not file.is_file():
            return f"There is no file {file}: give a certificate and its key as PEM files."
    return None


def host_warning(place: Place) -> str | None:
    """What to know before others can reach the app; None where nobody else can."""
    if is_loopback(place.host) or place.is_encrypted:
        return None
    return (
        f"Careful: whoever listens on the way to {place.url} reads passwords and images. Give "
        "--cert and --key, or put a proxy with a certificate in front (docs/shared.md).\n"
        "For yourself alone it is safer still to leave --host away, to run on your own computer\n"
        f"    ssh -L {place.port}:{LOOPBACK}:{place.port} YOU@{socket.gethostname()}\n"
        f"and to open {url_of(LOOPBACK, place.port)} there. Other accounts on this machine reach "
        "it even so: use --token wherever the machine is shared."
    )


def port_problem(host: str, port: int) -> str | None:
    """Why the app cannot listen at `host` and `port`; None where it can."""
    other = port + 1 if port < 65535 else PORT
    if is_healthy(host, port, patience=_BUSY_SECONDS):
        return (
            f"The app, or another one made with Streamlit, is already running at "
            f"{url_of(host, port)}: open that in the browser, or start a second one with "
            f"--port {other}"
        )
    try:
        _try_to_listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return (
                f"Port {port} is taken by another program: choose another one, as in --port {other}"
            )
        if error.errno == errno.EACCES:
            return f"This account may not use port {port}: choose another one, as in --port {PORT}"
        return f"This machine has no address {host}: leave --host away, or give one that it has."
    return None


def is_healthy(host: str, port: int, *, is_encrypted: bool = False, patience: float = 1.0) -> bool:
    """Whether a Streamlit app answers there, within `patience` seconds of being reached. Asks it
    directly, whatever proxy is set.
    """
    name = EVERYWHERE.get(host, host)
    connection = http.client.HTTPConnection(name, port, timeout=1)
    if is_encrypted:  # our own certificate, which is not made out to this address
        unverified = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(name, port, timeout=1, context=unverified)
    try:
        connection.connect()
        connection.sock.settimeout(patience)
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().read() == b"ok"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _try_to_listen(host: str, port: int) -> None:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as listener:
        if os.name != "nt":  # on Windows this would share the port with who has it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
