"""One run per device at a time, first come first served, without a daemon.

Every run starts its process at once; before it loads anything heavy it takes a ticket and waits for
the advisory lock of its device. A crash frees the lock, and a ticket nobody refreshes is swept.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from mammo_core.files import replace_file
from mammo_core.runs.locks import try_lock, unlock

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
