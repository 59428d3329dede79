"""One run per device at a time, first come first served, without a daemon.

Every run starts its process at once; before it loads anything heavy it takes a ticket and waits for
the advisory lock of its device. A crash frees the lock, and a ticket nobody refreshes is swept.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

POLL_SECONDS: Final = 0.5
STALE_AFTER_SECONDS: Final = 30.0


@contextmanager
def device_turn(
    jobs: Path, device: str, *, name: str, should_stop: Callable[[], bool]
) -> Iterator[bool]:
    """Wait for this run's turn on `device`; yields False where it was asked to stop meanwhile."""
    jobs.mkdir(parents=True, exist_ok=True)
    ticket = jobs / f"{device}.{time.time_ns():020d}.{name}.ticket"
    ticket.touch()
    with (jobs / f"{device}.lock").open("a+b") as lock:
        try:
            has_turn = _wait(ticket, lock, device, should_stop)
        finally:
            ticket.unlink(missing_ok=True)
        try:
            yield has_turn
        finally:
            if has_turn:
                _unlock(lock)


def _wait(ticket: Path, lock: IO[bytes], device: str, should_stop: Callable[[], bool]) -> bool:
    while not should_stop():
        ticket.touch()
        if _first_in_line(ticket.parent, device) == ticket.name and _try_lock(lock):
            return True
        time.sleep(POLL_SECONDS)
    return False


def _first_in_line(jobs: Path, device: str) -> str:
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
    return min(waiting, default="")


if sys.platform == "win32":
    import msvcrt

    def _try_lock(lock: IO[bytes]) -> bool:
        lock.seek(0)
        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(lock: IO[bytes]) -> None:
        lock.seek(0)
        msvcrt.locking(lock.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(lock: IO[bytes]) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(lock: IO[bytes]) -> None:
        fcntl.flock(lock, fcntl.LOCK_UN)
