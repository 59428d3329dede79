"""Starting the app and staying with it until it ends."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from launcher.address import (
    EVERYWHERE,
    host_warning,
    is_healthy,
    is_loopback,
    port_problem,
    url_of,
)
from launcher.environment import APP_REQUIREMENTS, ROOT, StartError, prepare_environment

READY_WITHIN_SECONDS: Final = 120  # just after an install everything comes from a cold disk


def start_app(host: str, port: int) -> int:
    """Run the app at `host` and `port` until it ends or Ctrl-C is pressed; its exit status."""
    problem = port_problem(host, port)
    if problem:
        raise StartError(problem)
    python = prepare_environment(APP_REQUIREMENTS)
    warning = host_warning(host, port)
    if warning:
        print(warning, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the server would outlive us
    server = subprocess.Popen(app_command(python, host, port), cwd=ROOT)
    try:
        wait_until_ready(server, host, port)
        print(f"Mammoscope is ready at {url_of(host, port)} (Ctrl-C ends it)", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()


def app_command(python: Path, host: str, port: int) -> list[str]:
    command = [str(python), "-m", "streamlit", "run", "streamlit_app.py"]
    command += [f"--server.address={host}", f"--server.port={port}"]
    if not is_loopback(host):  # .streamlit/config.toml lets the app be called by loopback's names
        command.append(f"--server.allowedHosts={'*' if host in EVERYWHERE else host}")
    return [*command, "--logger.hideWelcomeMessage=true"]


def wait_until_ready(server: "subprocess.Popen[bytes]", host: str, port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not is_healthy(host, port):
        if server.poll() is not None:
            raise StartError("The app ended at once; the reason stands above.")
        if time.monotonic() > deadline:
            raise StartError(f"The app did not answer within {READY_WITHIN_SECONDS} seconds.")
        time.sleep(0.1)
