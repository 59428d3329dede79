"""Filling the cache: every core reads and prepares, and what is there already is left alone."""

import hashlib
import os
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mammo_core.errors import ReadError, RunError
from mammo_core.preprocessing import limits
from mammo_core.preprocessing.cache import Cache, plan_build
from mammo_core.preprocessing.isolation import ReadingProcess

_NO_KEY: Final = bytes(32)  # ids made while reading are not kept here
_STALE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file that could not be read, and why, in words."""

    file: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build came to. `was_stopped`: the rest was left for another time."""

    built: int
    unreadable: tuple[Unreadable, ...]
    was_stopped: bool


def build_cache(
    cache: Cache,
    files: Sequence[Path],
    *,
    processes: int,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> Built:
    """Prepare what is missing of `files`; `report(done, total)` is told of every one.

    One file that cannot be read does not stop the others. No more than one image a process is held
    in memory. Builders that work at the same time share the work: each takes its own random order.
    """
    plan = plan_build(cache, files)
    if not plan.is_possible:
        raise RunError(
            f"The cache needs up to {plan.most_bytes / 2**30:.1f} GB, but {cache.root} has only "
            f"{plan.free_bytes / 2**30:.1f} GB free. Free some, or prepare smaller images."
        )
    _sweep(cache.root)
    order = list(plan.missing)
    random.Random(os.getpid()).shuffle(order)
    waiting, done = iter(order), plan.files - len(order)
    unreadable: list[Unreadable] = []
    report(done, plan.files)
    readers = [ReadingProcess() for _ in range(max(1, processes))]
    idle, running = readers.copy(), dict[Future[Unreadable | None], ReadingProcess]()
    try:
        with ThreadPoolExecutor(len(readers)) as pool:
            while True:
                while idle and not should_stop() and (file := next(waiting, None)):
                    reader = idle.pop()
                    running[pool.submit(_prepare_one, cache, file, reader)] = reader
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    idle.append(running.pop(future))
                    if problem := future.result():
                        unreadable.append(problem)
                    done += 1
                    report(done, plan.files)
    finally:
        for reader in readers:
            reader.close()
    return Built(
        built=done - (plan.files - len(order)) - len(unreadable),
        unreadable=tuple(sorted(unreadable, key=lambda problem: problem.file)),
        was_stopped=done < plan.files,
    )


def _prepare_one(cache: Cache, file: Path, reader: ReadingProcess) -> Unreadable | None:
    try:
        if file.stat().st_size > limits.FILE_BYTES:
            raise limits.too_large(file.stat().st_size)
        place = cache.place_of(file)  # before the bytes: a file changed meanwhile is read again
        source = file.read_bytes()
    except OSError as error:
        return Unreadable(file=file, reason=f"This file cannot be opened: {error.strerror}.")
    except ReadError as error:
        return Unreadable(file=file, reason=str(error))
    content = hashlib.sha256(source).hexdigest()
    try:
        if cache.find_content(content) is None:
            grey = reader.read_prepared(source, cache.settings, key=_NO_KEY)
            cache.store(content, grey.levels)
        cache.remember(place, content)
    except ReadError as error:
        return Unreadable(file=file, reason=str(error))
    except OSError as error:
        raise RunError(
            f"The cache at {cache.root} cannot be written: {error.strerror}. What was built stays; "
            "make room and start again."
        ) from error
    return None


def _sweep(root: Path) -> None:
    """Halves that a killed builder left behind; fresh ones may belong to another that lives."""
    for scratch in root.glob("*/*/.*.tmp"):
        try:
            if time.time() - scratch.stat().st_mtime > _STALE_SECONDS:
                scratch.unlink()
        except FileNotFoundError:
            continue  # swept by another builder
