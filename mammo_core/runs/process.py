"""What every worker process does around its work: beat, wait its turn, report the end in words.

The heart beats before anything heavy is imported: on a busy machine importing torch alone can
outlast the time after which a silent run counts as lost.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from mammo_core.errors import MammoError
from mammo_core.paths import jobs_root
from mammo_core.runs.folder import HEARTBEAT_SECONDS, RunFolder
from mammo_core.runs.queue import device_turn
from mammo_core.types import RunState

_BETWEEN_REPORTS: Final = 0.5  # seconds


def carry_out(run: RunFolder, work: Callable[[RunFolder], str], *, device: str) -> int:
    """Do `work` when `device` is free. It returns its closing words; the exit code is ours.

    `work` looks at `run.asked_to_stop` itself; when it returns after such a request, the run counts
    as stopped, not finished.
    """
    with _heartbeat(run), run.worker_lives():
        try:
            words = _work_in_turn(run, work, device)
        except MammoError as error:
            return _fail(run, str(error))
        except MemoryError:
            return _fail(run, "Out of memory. Choose a smaller batch or smaller images.")
        except Exception as error:  # noqa: BLE001 - the last words of the process, kept whole
            traceback.print_exc()
            return _fail(run, f"{type(error).__name__}: {error}")
        was_stopped = run.asked_to_stop and not run.is_checkpoint
        state = RunState.STOPPED if was_stopped else RunState.FINISHED
        run.write_status(replace(run.read_status(), state=state, message=words))
    return 0


def device_of(setting: str) -> str:
    """The device whose queue a run joins. Told without torch, which costs seconds to import."""
    if setting != "auto":
        return setting
    return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"


class Progress:
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


def _work_in_turn(run: RunFolder, work: Callable[[RunFolder], str], device: str) -> str:
    def tell(behind: str) -> None:
        run.write_status(replace(run.read_status(), message=f"Waits for {behind}."))

    turn = device_turn(
        jobs_root(),
        device,
        name=run.run_id,
        should_stop=lambda: run.asked_to_stop,
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
            run.beat()

    run.beat()
    heart = threading.Thread(target=keep_beating, daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join(timeout=HEARTBEAT_SECONDS + 1)
