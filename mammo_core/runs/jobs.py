"""Long work in a process of its own: started from page or shell, one at a time for each device,
watched by its heartbeat, stopped and resumed. It outlives the page, the browser and the server.
"""

import os
import re
import secrets
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from mammo_core.config import save_settings
from mammo_core.errors import ConfigError, MammoError, RunError
from mammo_core.files import (
    REPOSITORY,
    disk_in_words,
    jobs_root,
    replace_file,
    sweep_scratch,
    try_lock,
    unlock,
)
from mammo_core.places.cluster import (
    Resources,
    cluster_in_use,
    forget_placed,
    is_on_cluster,
    job_state,
    read_placed,
    room_of,
    shared_environment,
    stop_job,
    submit,
    write_placed,
)
from mammo_core.places.ranks import command
from mammo_core.runs.folder import (
    HEARTBEAT_SECONDS,
    LOST_AFTER_SECONDS,
    RunFolder,
    RunStatus,
    list_runs,
)
from mammo_core.types import RunState

WORKER: Final = "mammo_core.worker"  # above this part of the program: known by name alone

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
    """A new folder below `root` with `settings` in it, queued. `settings` were checked before. What
    a killed import left there is swept: not all have a server that does.
    """
    with suppress(OSError):  # a folder that is not there, or another's
        sweep_scratch(root)
    run = RunFolder(root / new_run_id(what, now=datetime.now(UTC)))
    run.path.mkdir(parents=True)
    save_settings(settings, run.settings_file)
    run.write_status(RunStatus(state=RunState.QUEUED, total=total))
    return run


#: Kinds of work that a cluster takes; the others measure this computer, or are done before long.
FOR_CLUSTERS: Final = (
    "audit",
    "embed",
    "evaluate",
    "explain_check",
    "prepare",
    "search",
    "stress",
    "train",
)
_IN_CHUNKS: Final = ("audit", "evaluate", "prepare")
#: These hand all work on to other processes of the cluster, and need no share of a machine.
_HANDING_ON: Final = (*_IN_CHUNKS, "search")


def start(run: RunFolder, *, kind: str, is_here: bool = False, ranks: int = 1) -> None:
    """Start the worker of `run`: on the cluster that MAMMO_RAY names, else, or with `is_here`, on
    this computer. A cluster may have a training done by several processes.
    """
    cluster = place_for(kind, is_here=is_here, ranks=ranks)
    if cluster is None:
        forget_placed(run.path)
        start_worker(run, kind=kind)
        return
    folder = run.path.resolve()
    alone = [sys.executable, "-m", WORKER, kind, str(folder)]
    placed = submit(
        cluster,
        command(folder, ranks) if ranks > 1 else alone,
        name=run.run_id,
        needs=Resources(cpus=0.0) if ranks > 1 else _needs_of(run, kind, cluster),
        environment=KEEP_MEMORY
        | shared_environment(os.environ, "driver" if kind in _IN_CHUNKS else "worker"),
        log=run.file("log.txt").resolve(),
    )
    write_placed(run.path, replace(placed, ranks=ranks))
    run.beat()


def place_for(kind: str, *, is_here: bool = False, ranks: int = 1) -> str | None:
    """The cluster that work of that `kind` would be done on; None for this computer, where several
    processes that train together are refused.
    """
    cluster = cluster_in_use() if kind in FOR_CLUSTERS and not is_here else None
    if cluster is not None and not is_on_cluster():
        return cluster
    if ranks > 1:
        raise ConfigError(
            f"{ranks} processes that train together need a cluster: set MAMMO_RAY, or use "
            "torchrun, as docs/cluster.md says."
        )
    return None


def _needs_of(run: RunFolder, kind: str, cluster: str) -> Resources:
    """A GPU where the cluster has any and the settings do not say otherwise, with the cores that
    go with it; else as many cores as the settings name processes.
    """
    if kind in _HANDING_ON:
        return Resources(cpus=0.0)
    settings, room = run.document(), room_of(cluster)
    workers = int(settings.get("workers") or 0)
    if settings.get("device") == "cpu" or not room.gpus:
        return Resources(cpus=workers or 1)
    return Resources(cpus=workers or max(1, room.cpus // room.gpus), gpus=1.0)


def stop_run(run: RunFolder) -> None:
    """Ask the worker to stop; one that is still in line on a cluster is taken out of it."""
    run.ask_to_stop()
    placed = read_placed(run.path)
    if placed is None or run.read_status().state is not RunState.QUEUED:
        return
    if job_state(placed)[0] == "waiting":
        stop_job(placed)
        words = "Stopped while waiting in the queue."
        run.write_status(replace(run.read_status(), state=RunState.STOPPED, message=words))


def start_worker(run: RunFolder, *, kind: str) -> "subprocess.Popen[bytes]":
    """Start the process of `run` in a session of its own, its output going to log.txt."""
    run.beat()
    with run.file("log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, kind, str(run.path.resolve())],
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


def start_run(
    settings: Any,
    root: Path,
    *,
    what: str,
    total: int,
    is_here: bool = False,
    own: Callable[[RunFolder], None] = lambda run: None,
) -> RunFolder:
    """Create the run and, once `own` has been given it, start its worker: what page and command
    line both call.
    """
    run = create_run(settings, root, what=what, total=total)
    own(run)
    start(run, kind=settings.kind, is_here=is_here)
    return run


def runs_of(settings: Any, runs: Iterable[RunFolder]) -> Iterator[RunFolder]:
    """Those of these very settings, at whatever stage they are."""
    for run in runs:
        try:
            if run.settings(type(settings)) == settings:
                yield run
        except ConfigError:
            continue  # of another kind, or of another version of this program


def latest_run(settings: Any, root: Path) -> RunFolder | None:
    """The newest below `root`."""
    return next(runs_of(settings, list_runs(root)), None)


def under_way(settings: Any, runs: Iterable[RunFolder]) -> RunFolder | None:
    """One of these very settings that has been started and is not over."""
    states = (RunState.QUEUED, RunState.RUNNING)
    for run in runs_of(settings, runs):
        with suppress(RunError):  # a damaged one is in nobody's way
            if run.read_status().state in states:
                return run
    return None


_RESUMABLE = (RunState.STOPPED, RunState.FAILED, RunState.LOST, RunState.NOT_STARTED)


def can_be_resumed(run: RunFolder) -> bool:
    return not run.is_checkpoint and run.read_status().state in _RESUMABLE


def resume_run(run: RunFolder, *, is_here: bool = False) -> None:
    """Start a worker again, on the cluster where there is one; it goes on after the last epoch the
    run had ended.
    """
    status = run.read_status()
    if not can_be_resumed(run):
        raise RunError(
            f"{run.run_id} is {status.state}. Only a run that was stopped, failed, was lost or was "
            f"never started can be resumed.{'' if status.state.is_over else _when_lost(run)}"
        )
    message = "Starting." if status.state is RunState.NOT_STARTED else "Resuming."
    run.file("stop").unlink(missing_ok=True)
    run.forget_worker()
    run.write_status(replace(status, state=RunState.QUEUED, message=message))
    placed = read_placed(run.path)
    ranks = placed.ranks if placed and not is_here else 1
    start(run, kind=str(run.document()["kind"]), is_here=is_here, ranks=ranks)


def elapsed_seconds(run: RunFolder, *, now: float | None = None) -> float | None:
    """Since it was put in line, as its id says, to its last sign of life; None where it has no such
    id.
    """
    dated = re.match(r"(\d{8}-\d{6})-", run.run_id)
    if dated is None:
        return None
    start = datetime.strptime(dated[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    now = time.time() if now is None else now
    return max(0.0, now - run.silence(now=now) - start)


def remaining_seconds(status: RunStatus, elapsed: float | None) -> float | None:
    """As fast as it has been; None before anything is done, and once it is over."""
    if elapsed is None or not status.done or status.state is not RunState.RUNNING:
        return None
    return elapsed / status.done * max(0, status.total - status.done)


def _when_lost(run: RunFolder) -> str:
    silence = max(0.0, run.silence())
    return (
        f" Its last sign of life was {silence:.0f} s ago; if it is dead, try again in "
        f"{max(1.0, LOST_AFTER_SECONDS - silence):.0f} s."
    )


POLL_SECONDS: Final = 0.5
STALE_AFTER_SECONDS: Final = 30.0
_TICKET: Final = re.compile(r"\d{20}\.(?P<name>.+)\.ticket")


@contextmanager
def device_turn(
    jobs: Path,
    device: str,
    *,
    name: str,
    should_stop: Callable[[], bool],
    tell: Callable[[str], None] = lambda behind: None,
) -> Iterator[bool]:
    """Wait for this run's turn on `device`; yields False where it was asked to stop meanwhile.

    `tell` is given the name of the run next in front, whenever it becomes another one.
    """
    jobs.mkdir(parents=True, exist_ok=True)
    ticket = jobs / f"{device}.{time.time_ns():020d}.{name}.ticket"
    ticket.touch()
    with (jobs / f"{device}.lock").open("a+b") as lock:
        try:
            has_turn = _wait(ticket, lock, device, should_stop=should_stop, tell=tell)
            if has_turn:
                replace_file(_holder_file(jobs, device), name)
        finally:
            ticket.unlink(missing_ok=True)
        try:
            yield has_turn
        finally:
            if has_turn:
                unlock(lock)


def _wait(
    ticket: Path,
    lock: IO[bytes],
    device: str,
    *,
    should_stop: Callable[[], bool],
    tell: Callable[[str], None],
) -> bool:
    told = ""
    while not should_stop():
        ticket.touch()
        in_front = [other for other in _line(ticket.parent, device) if other < ticket.name]
        if not in_front and try_lock(lock):
            return True
        behind = _name_on(in_front[-1], device) if in_front else _holder(ticket.parent, device)
        if behind and behind != told:
            tell(behind)
            told = behind
        time.sleep(POLL_SECONDS)
    return False


def _line(jobs: Path, device: str) -> list[str]:
    """The tickets of those who wait, the first one first; what nobody refreshes is swept."""
    waiting = []
    for ticket in jobs.glob(f"{device}.*.ticket"):
        try:
            age = time.time() - ticket.stat().st_mtime
        except FileNotFoundError:
            continue  # its run got its turn between the listing and the look
        if age > STALE_AFTER_SECONDS:
            ticket.unlink(missing_ok=True)
        else:
            waiting.append(ticket.name)
    return sorted(waiting)


def _name_on(ticket: str, device: str) -> str:
    found = _TICKET.fullmatch(ticket.removeprefix(f"{device}."))
    return found["name"] if found else ticket


def _holder_file(jobs: Path, device: str) -> Path:
    """Who has the device. A lock cannot tell: on Windows nobody else may read a locked file."""
    return jobs / f"{device}.holder"


def _holder(jobs: Path, device: str) -> str:
    try:
        return _holder_file(jobs, device).read_text(encoding="utf-8")
    except OSError:
        return ""


_BETWEEN_REPORTS: Final = 0.5  # seconds


def carry_out(
    run: RunFolder, work: Callable[[RunFolder], str], *, device: str, called: str = ""
) -> int:
    """Do `work` when `device` is free. It returns its closing words; the exit code is ours.

    `work` asks `run.is_asked_to_stop()` itself; when it returns after such a request, the run
    counts as stopped, not finished. `called` is what those behind it in line are told; its id,
    where it is empty.
    """
    with _heartbeat(run), run.worker_lives():
        sweep_scratch(run.path)
        try:
            words = _work_in_turn(run, work, device, called or run.run_id)
        except MammoError as error:
            return _fail(run, str(error))
        except OSError as error:
            traceback.print_exc()
            said = disk_in_words(error, run.path) or f"{type(error).__name__}: {error}"
            return _fail(run, said)
        except MemoryError:
            return _fail(run, "Out of memory. Choose a smaller batch or smaller images.")
        except Exception as error:  # noqa: BLE001 - the last words of the process, kept whole
            traceback.print_exc()
            return _fail(run, f"{type(error).__name__}: {error}")
        was_stopped = run.is_asked_to_stop() and not run.is_checkpoint
        state = RunState.STOPPED if was_stopped else RunState.FINISHED
        run.write_status(replace(run.read_status(), state=state, message=words))
    return 0


def device_of(setting: str) -> str:
    """The device whose queue a run joins. Told without torch, which costs seconds to import."""
    if setting != "auto":
        return setting
    return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"


class JobProgress:
    """Writes the status now and then: a file a second is enough for those who watch."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._written = 0.0

    def __call__(self, done: int, total: int, message: str) -> None:
        if done < total and time.monotonic() - self._written < _BETWEEN_REPORTS:
            return
        self._written = time.monotonic()
        status = replace(self._run.read_status(), done=done, total=total, message=message)
        self._run.write_status(status)


def _work_in_turn(
    run: RunFolder, work: Callable[[RunFolder], str], device: str, called: str
) -> str:
    def tell(behind: str) -> None:
        run.write_status(replace(run.read_status(), message=f"Waiting for {behind}."))

    turn = device_turn(
        jobs_root(),
        device,
        name=called,
        should_stop=run.is_asked_to_stop,
        tell=tell,
    )
    with turn as has_turn:
        if not has_turn:
            return "Stopped while waiting in the queue."
        run.write_status(replace(run.read_status(), state=RunState.RUNNING, message=""))
        return work(run)


def _fail(run: RunFolder, message: str) -> int:
    sys.stderr.write(message + "\n")
    run.write_status(replace(run.read_status(), state=RunState.FAILED, message=message))
    return 1


@contextmanager
def _heartbeat(run: RunFolder) -> Iterator[None]:
    over = threading.Event()

    def keep_beating() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            with suppress(OSError):  # the work itself will meet a full disk, and say so
                run.beat()

    run.beat()
    heart = threading.Thread(target=keep_beating, daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join(timeout=HEARTBEAT_SECONDS + 1)
