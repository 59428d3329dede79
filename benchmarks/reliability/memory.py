"""What a server holds in its memory: large uploads, and a long day."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from benchmarks.reliability.campaign import Counted, refuse_windows
from benchmarks.reliability.client import Session, resident_megabytes, together
from benchmarks.reliability.people import (
    PAGES,
    Seen,
    be_busy,
    cases_kept,
    drop,
    log_problems,
    served,
    two_of_four,
)
from tests.preprocessing.dicom_files import mammogram_file

_MOST_MEGABYTES: Final = 1500
_LEFT_MEGABYTES: Final = 200
_STEADY_SECONDS: Final = 30
_STEADY_MEGABYTES: Final = 5.0
_PATIENCE: Final = 600  # seconds


def large_files(count: int, *, height: int = 4096, width: int = 3328) -> Iterator[bytes]:
    """Mammograms, no two alike; of 28 MB unless told otherwise."""
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(0).integers(0, 300, (height, width))
    middle, reach = height // 2, height * 0.415
    pixels = np.where((y - middle) ** 2 + x**2 < reach**2, 1500 + grain, 0).astype(np.uint16)
    for number in range(count):
        pixels[middle, 10 : 10 + 16] = [(number >> bit & 1) * 900 + 1200 for bit in range(16)]
        yield mammogram_file(
            pixels, ImageLaterality="L", ViewPosition="CC", SOPInstanceUID=f"1.2.{number + 1}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHeld:
    """Megabytes of a server."""

    start: float  # when nothing more was loaded, before the first upload that counts
    peak: float
    end: float  # when all tabs were closed

    @property
    def failures(self) -> list[str]:
        failures = []
        if self.peak > _MOST_MEGABYTES:
            failures.append(f"the server held {self.peak:.0f} MB")
        if self.end > self.start + _LEFT_MEGABYTES:
            kept = self.end - self.start
            failures.append(f"the server kept {kept:.0f} MB when all tabs were closed")
        return failures


def held_through(
    work: Iterable[object], held: Callable[[], float], *, patience: float = 150.0
) -> MemoryHeld:
    """What is held before the first of `work`, at most meanwhile, and `patience` seconds later."""
    start = held()
    with _highest(held) as highest:
        for _ in work:
            pass
    end = _settled(held, start + _LEFT_MEGABYTES, patience=patience)
    return MemoryHeld(start=start, peak=max(start, *highest), end=end)


def uploads(size: int, scratch: Path) -> Counted:
    """A new tab for each, as people come and go; what a closed tab held must be given back."""
    home, seen = scratch / "home", Seen()
    with served(home, scratch / "log") as server:
        for page in PAGES:  # everything that a page loads, and no image
            visit = Session(server.url, page)
            visit.run("")
            visit.close()
        _upload_one(server.url, next(large_files(1, height=512, width=416)), seen)
        look = partial(resident_megabytes, server.process_id)
        is_steady = wait_until_steady(look, lambda: is_converting(home))
        held = held_through(_uploaded(server.url, size, home, seen), look)
        seen.failures.extend(log_problems(server.log))
    unjudged = "" if is_steady else f" It was still loading after {_PATIENCE} s: not judged."
    if size < JUDGED_UPLOADS:
        unjudged = " Too few to judge what grows with them."
    return Counted(
        size=size,
        figures=(
            f"{size} uploads of 28 MB, each in a tab of its own, and a small one before them, "
            f"whose model was loaded for it; {sum(seen.scored)} of {len(seen.scored)} were scored. "
            f"The server held {held.start:.0f} MB when it had scored the small one and loaded "
            f"nothing more for {_STEADY_SECONDS} s, {held.peak:.0f} MB at most, {held.end:.0f} MB "
            f"when all tabs were closed.{unjudged}",
        ),
        failures=(*seen.failures, *held.failures),
        is_judged=not unjudged,
    )


JUDGED_UPLOADS: Final = 200


def _uploaded(url: str, count: int, home: Path, seen: Seen) -> Iterator[None]:
    for content in large_files(count):
        _upload_one(url, content, seen)
        forget_kept(home)
        yield


def _upload_one(url: str, content: bytes, seen: Seen) -> None:
    session = Session(url)
    drawn = drop(session, [("image.dcm", content)], seen)
    seen.failures.extend(f"upload: {error}" for error in drawn.errors)
    if "case=" not in session.query:
        seen.failures.append("an upload made no case")
    session.close()


def is_converting(home: Path) -> bool:
    """Whether a network is being brought into the form in which it will read."""
    return any((home / "cache" / "engines").glob("making-*"))


def forget_kept(home: Path) -> None:
    """The disk is no part of this: two hundred such cases would fill it."""
    for file in (home / "cases").glob("*/*.npy"):
        file.unlink(missing_ok=True)


@contextmanager
def _highest(held: Callable[[], float]) -> Iterator[list[float]]:
    """The most memory that was seen, four times a second and at the end."""
    highest, is_over = [held()], threading.Event()

    def look() -> None:
        while not is_over.wait(0.25):
            with suppress(psutil.Error):
                highest[0] = max(highest[0], held())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield highest
    finally:
        is_over.set()
        thread.join()
    highest.append(held())


def wait_until_steady(
    held: Callable[[], float],
    is_loading: Callable[[], bool],
    *,
    wait: Callable[[float], None] = time.sleep,
) -> bool:
    """Whether for half a minute nothing more was loaded: a model is loaded behind a page, in steps
    between which nothing grows. False where it goes on for ten minutes.
    """
    lowest, quiet = held(), 0
    for _ in range(_PATIENCE):
        wait(1.0)
        now = held()
        quiet += 1
        if is_loading() or now > lowest + _STEADY_MEGABYTES:
            lowest, quiet = now, 0
        lowest = min(lowest, now)
        if quiet >= _STEADY_SECONDS:
            return True
    return False


def _settled(held: Callable[[], float], wanted: float, *, patience: float) -> float:
    """What is held some time after the last tab was closed: Streamlit lets go of it slowly."""
    now = held()
    until = time.monotonic() + patience
    while now > wanted and time.monotonic() < until:
        time.sleep(min(5.0, patience))
        now = held()
    return now


_ROUNDS: Final = 6
_LONG_SECONDS: Final = 600  # in less, what is loaded once is still being loaded


def _four_people(url: str, until: float, seen: Seen) -> None:
    raised = together(
        [
            partial(be_busy, url, np.random.default_rng(number), until, seen, files=two_of_four)
            for number in range(4)
        ]
    )
    seen.failures.extend(f"session: {type(error).__name__}: {error}" for error in raised)


def soak(size: int, scratch: Path) -> Counted:
    """`size` seconds of four people: does anything grow?"""
    refuse_windows()
    home = scratch / "home"
    seen = Seen()
    done, failures = seen.done, seen.failures
    marks: list[tuple[float, int, int]] = []
    with served(home, scratch / "log") as server:
        process = psutil.Process(server.process_id)
        for _ in range(_ROUNDS):
            until = time.monotonic() + size / _ROUNDS
            _four_people(server.url, until, seen)
            marks.append(
                (resident_megabytes(process.pid), process.num_fds(), process.num_threads())
            )
        failures += log_problems(server.log)
    growth, is_long = marks[-1][0] - marks[1][0], size >= _LONG_SECONDS
    kept, broken = cases_kept(home, seen.cases)
    if is_long and growth > _LEFT_MEGABYTES:
        failures.append(f"the server grew by {growth:.0f} MB after the first third")
    if is_long and marks[-1][1] > marks[1][1] + 50:
        failures.append(f"open files went from {marks[1][1]} to {marks[-1][1]}")
    told = "; ".join(
        f"{mb:.0f} MB, {files} files, {threads} threads" for mb, files, threads in marks
    )
    return Counted(
        size=size,
        figures=(
            f"4 sessions did {len(done):,} things in {size:,} s; {sum(seen.scored)} of "
            f"{len(seen.scored)} uploads were scored; {kept} cases are kept, {len(broken)} lost or "
            f"not whole. The server after each sixth: {told}."
            + ("" if is_long else " Too short to judge its growth by."),
        ),
        failures=tuple(failures + broken),
        is_judged=is_long,
    )
