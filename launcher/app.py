"""Starting the app and staying with it until it ends."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from launcher.address import (
    Place,
    certificate_problem,
    host_warning,
    is_healthy,
    is_loopback,
    names_of,
    port_problem,
)
from launcher.environment import APP_REQUIREMENTS, ROOT, StartError, prepare_environment
from launcher.guard import LOOPBACK_NAMES, environment_for, new_token

NO_ACCOUNT: Final = (
    "Nobody has an account yet, and this app asks everybody to sign in, because others can reach "
    "it. Make the first account with\n"
    "    {mammo} account add NAME --role admin\n"
    "and start again; docs/shared.md tells the rest."
)
READY_WITHIN_SECONDS: Final = 120  # just after an install everything comes from a cold disk


def start_app(place: Place, *, has_token: bool = False, is_shared: bool = False) -> int:
    """Run the app at `place` until it ends or Ctrl-C is pressed; its exit status.

    With a token, whoever comes without the address that is printed is refused. Where others can
    reach it, or it `is_shared`, whoever comes signs in.
    """
    is_shared = is_shared or not is_loopback(place.host)
    problem = port_problem(place.host, place.port) or certificate_problem(place)
    if problem:
        raise StartError(problem)
    python = prepare_environment(APP_REQUIREMENTS)
    if is_shared and not has_accounts():
        raise StartError(NO_ACCOUNT.format(mammo=python.with_name("mammo")))
    warning = host_warning(place)
    names, token = names_of(place.host, place.names), new_token() if has_token else ""
    if warning:
        print(warning, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the server would outlive us
    server = subprocess.Popen(
        app_command(python, place),
        cwd=ROOT,
        env=environment_for(names, token, is_shared=is_shared),
    )
    try:
        wait_until_ready(server, place)
        address = place.url + (f"/?token={token}" if token else "")
        print(f"Mammoscope is ready at {address} (Ctrl-C ends it)", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()


def has_accounts() -> bool:
    """Whether anybody could sign in: by an account here, made before the first start."""
    home = Path(os.environ.get("MAMMO_HOME") or Path.home() / ".mammoscope")
    return (home / "accounts.json").exists()


def app_command(python: Path, place: Place) -> list[str]:
    """The names it may be called beside loopback's, of which .streamlit/config.toml knows."""
    command = [str(python), "-m", "streamlit", "run", "served.py"]
    command += [f"--server.address={place.host}", f"--server.port={place.port}"]
    names = names_of(place.host, place.names)
    others = [name for name in names if name not in LOOPBACK_NAMES]
    if others:
        command += [f"--server.allowedHosts={name.strip('[]')}" for name in names]
        schemes = ("https",) if place.is_encrypted else ("http", "https")
        command += [
            f"--server.corsAllowedOrigins={scheme}://{name}:{place.port}"
            for name in others
            for scheme in schemes
        ]
    if place.is_encrypted:
        command += [f"--server.sslCertFile={place.cert}", f"--server.sslKeyFile={place.key}"]
    return [*command, "--logger.hideWelcomeMessage=true"]


def wait_until_ready(server: "subprocess.Popen[bytes]", place: Place) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not is_healthy(place.host, place.port, is_encrypted=place.is_encrypted):
        if server.poll() is not None:
            raise StartError("The app ended at once; the reason stands above.")
        if time.monotonic() > deadline:
            raise StartError(f"The app did not answer within {READY_WITHIN_SECONDS} seconds.")
        time.sleep(0.1)
