"""Where the app listens: whether it can, and who reaches it there under which name."""

import contextlib
import errno
import http.client
import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from launcher.guard import LOOPBACK_NAMES

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 8501
EVERYWHERE: Final[Mapping[str, str]] = {"0.0.0.0": LOOPBACK, "::": "::1"}  # and how we reach it


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


def url_of(host: str, port: int) -> str:
    name = reachable_name(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


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


def host_warning(host: str, port: int, *, has_token: bool = False) -> str | None:
    """What to know before others can reach the app; None where nobody else can."""
    if is_loopback(host) or has_token:
        return None
    return (
        f"Careful: there is no login. Whoever reaches {url_of(host, port)} can see and change "
        "everything in it: add --token, which asks for a secret that is printed here.\n"
        "It is safer still to leave --host away, to run on your own computer\n"
        f"    ssh -L {port}:{LOOPBACK}:{port} YOU@{socket.gethostname()}\n"
        f"and to open {url_of(LOOPBACK, port)} there. Other accounts on this machine reach it even "
        "so: use --token wherever the machine is shared."
    )


def port_problem(host: str, port: int) -> str | None:
    """Why the app cannot listen at `host` and `port`; None where it can."""
    other = port + 1 if port < 65535 else PORT
    if is_healthy(host, port):
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


def is_healthy(host: str, port: int) -> bool:
    """Whether a Streamlit app answers there. Asks it directly, whatever proxy is set."""
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), port, timeout=1)
    try:
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
