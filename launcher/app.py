"""Starting the app and staying with it until it ends."""

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from launcher.address import host_warning, is_healthy, names_of, port_problem, url_of
from launcher.environment import APP_REQUIREMENTS, ROOT, StartError, prepare_environment
from launcher.guard import LOOPBACK_NAMES, environment_for, new_token

READY_WITHIN_SECONDS: Final = 120  # just after an install everything comes from a cold disk


def start_app(
    host: str, port: int, *, has_token: bool = False, more_names: Sequence[str] = ()
) -> int:
    """Run the app at `host` and `port` until it ends or Ctrl-C is pressed; its exit status.

    With a token, whoever comes without the address that is printed is refused.
    """
    problem = port_problem(host, port)
    if problem:
        raise StartError(problem)
    python = prepare_environment(APP_REQUIREMENTS)
    warning = host_warning(host, port, has_token=has_token)
    names, token = names_of(host, more_names), new_token() if has_token else ""
    if warning:
        print(warning, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the server would outlive us
    server = subprocess.Popen(
        app_command(python, host, port, names), cwd=ROOT, env=environment_for(names, token)
    )
    try:
        wait_until_ready(server, host, port)
        address = url_of(host, port) + (f"/?token={token}" if token else "")
        print(f"Mammoscope is ready at {address} (Ctrl-C ends it)", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()


def app_command(python: Path, host: str, port: int, names: Sequence[str]) -> list[str]:
    """`names` are what the app may be called; of loopback's, .streamlit/config.toml knows."""
    command = [str(python), "-m", "streamlit", "run", "served.py"]
    command += [f"--server.address={host}", f"--server.port={port}"]
    others = [name for name in names if name not in LOOPBACK_NAMES]
    if others:
        command += [f"--server.allowedHosts={name.strip('[]')}" for name in names]
        command += [f"--server.corsAllowedOrigins=http://{name}:{port}" for name in others]
    return [*command, "--logger.hideWelcomeMessage=true"]


def wait_until_ready(server: "subprocess.Popen[bytes]", host: str, port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not is_healthy(host, port):
        if server.poll() is not None:
            raise StartError("The app ended at once; the reason stands above.")
        if time.monotonic() > deadline:
            raise StartError(f"The app did not answer within {READY_WITHIN_SECONDS} seconds.")
        time.sleep(0.1)
