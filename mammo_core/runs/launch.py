"""Starting a worker that outlives the page, the browser session and the web server."""

import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mammo_core.config import load_settings, save_settings
from mammo_core.errors import ConfigError
from mammo_core.paths import REPOSITORY
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.types import RunState

#: Which module carries out which kind of work: `python -m MODULE RUN_FOLDER`.
WORKERS: Final = {
    "audit": "mammo_core.datasets.worker",
    "baselines": "mammo_core.training.baselines_worker",
    "evaluate": "mammo_core.inference.worker",
    "explain_check": "mammo_core.inference.judging_worker",
    "latency": "mammo_core.inference.latency_worker",
    "preflight": "mammo_core.training.preflight_worker",
    "prepare": "mammo_core.datasets.cache_worker",
    "stress": "mammo_core.inference.judging_worker",
    "train": "mammo_core.training.worker",
}

#: glibc gives large blocks back to the system at once and gets them again, emptied page by page,
#: at every layer of a network: without that a frozen network takes a third of the time on a CPU.
KEEP_MEMORY: Final = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(8 * 2**30),
}


def new_run_id(what: str, *, now: datetime) -> str:
    """`YYYYMMDD-HHMMSS-<what>-<4 hex>`; sorts by time."""
    return f"{now:%Y%m%d-%H%M%S}-{what}-{secrets.token_hex(2)}"


def create_run(settings: Any, root: Path, *, what: str, total: int) -> RunFolder:
    """A new folder below `root` with `settings` in it, queued. `settings` were checked before."""
    run = RunFolder(root / new_run_id(what, now=datetime.now(UTC)))
    run.path.mkdir(parents=True)
    save_settings(settings, run.file("run.json"))
    run.write_status(RunStatus(state=RunState.QUEUED, total=total))
    return run


def start_worker(run: RunFolder, *, kind: str) -> "subprocess.Popen[bytes]":
    """Start the process of `run` in a session of its own, its output going to log.txt."""
    run.beat()
    with run.file("log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", WORKERS[kind], str(run.path.resolve())],
            cwd=REPOSITORY,
            env=worker_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    # Somebody must collect the exit status, or the finished process lingers as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def worker_environment(own: Mapping[str, str]) -> dict[str, str]:
    """What a worker is started with; what somebody has set already stays."""
    return {**KEEP_MEMORY, **own}


def start_run(settings: Any, root: Path, *, what: str, total: int) -> RunFolder:
    """Create the run and start its worker: what page and command line both call."""
    run = create_run(settings, root, what=what, total=total)
    start_worker(run, kind=settings.kind)
    return run


def latest_run(settings: Any, root: Path) -> RunFolder | None:
    """The newest run below `root` of these very settings, at whatever stage it is."""
    for run in list_runs(root):
        try:
            if load_settings(run.file("run.json"), type(settings)) == settings:
                return run
        except ConfigError:
            continue  # of another kind, or of another version of this program
    return None
