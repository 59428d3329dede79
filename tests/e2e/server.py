"""A real server with folders of its own, for the tests that drive a real browser."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from launcher.address import LOOPBACK, is_healthy

ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    url: str
    log: Path
    process_id: int = 0


@contextmanager
def running_server(script: Path, log: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Serve `script` on a free port while the context lasts; `settings` are variables."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    with log.open("wb") as output:  # nobody reads a pipe, and a full one would stop the server
        process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(LOOPBACK, port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{script.name} did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield Server(url=f"http://{LOOPBACK}:{port}", log=log, process_id=process.pid)
    finally:
        process.terminate()
        process.wait()


def strangers(requests: list[str]) -> set[str]:
    """The hosts among `requests` that are not the server's. What has no host stays in the tab."""
    return {host for url in requests if (host := urlsplit(url).hostname)} - {LOOPBACK}
