"""Many people at once, for long, and servers that are killed under their hands."""

import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

import numpy as np
import psutil
import pydicom

from benchmarks.reliability.campaign import QUIET, Counted, refuse_windows, watched
from benchmarks.reliability.client import (
    Drawn,
    Session,
    resident_megabytes,
    sample_files,
    together,
)
from mammo_core.errors import MammoError
from mammo_core.files import samples_root
from mammo_core.preprocessing.cases import load_case, load_mammogram
from tests.e2e.server import ROOT, Server, running_server
from tests.predictions import made_up_predictions, write_run
from tests.preprocessing.dicom_files import mammogram_file

RUN: Final = "20260101-000000-made-up-aaaa"
_PAGES: Final = ("", "thresholds", "compare", "train", "data")
_MOST_SECONDS: Final = 1.0
_MOST_MEGABYTES: Final = 1500
_LEFT_MEGABYTES: Final = 200


@contextmanager
def served(home: Path, log: Path) -> Iterator[Server]:
    settings: Mapping[str, str] = {
        "MAMMO_HOME": str(home),
        "MAMMO_CHECKPOINTS": str(home / "checkpoints"),
        "OMP_NUM_THREADS": "1",
    }
    run = home / "checkpoints" / RUN
    if not run.exists():
        predictions = made_up_predictions(women=500, with_cancer=120, skill=1.5, model_id=RUN)
        write_run(home / "checkpoints", RUN, predictions)
    with running_server(ROOT / "served.py", log, settings) as server:
        yield server


def log_problems(*logs: Path) -> list[str]:
    """Tracebacks that no page showed."""
    return [
        f"a traceback in the log: {text.split('Traceback', 1)[1][-300:]}"
        for text in (log.read_text(encoding="utf-8", errors="replace") for log in logs)
        if "Traceback" in text
    ]


def thresholds(size: int, scratch: Path) -> Counted:
    """`size` moves by twenty people."""
    people, failures = 20, []
    seconds: list[float] = []
    with served(scratch / "home", scratch / "log") as server:
        sessions = [Session(server.url, "thresholds") for _ in range(people)]
        for session in sessions:
            session.run(f"run={RUN}")
        moves = max(1, size // people)

        def move(number: int) -> None:
            draws = np.random.default_rng(number)
            for _ in range(moves):
                time.sleep(float(draws.uniform(0.0, 4.0)))  # a person looks at what came
                drawn = sessions[number].run(f"run={RUN}&threshold={draws.uniform(0, 1):.3f}")
                seconds.append(drawn.seconds)
                failures.extend(f"on the page: {error}" for error in drawn.errors)

        with watched() as load:
            raised = together([lambda n=n: move(n) for n in range(people)])
        failures += [f"session: {type(error).__name__}: {error}" for error in raised]
        failures += log_problems(server.log)
        for session in sessions:
            session.close()
    p95 = float(np.quantile(seconds, 0.95)) if seconds else float("nan")
    is_quiet = load.others < QUIET
    if is_quiet and p95 >= _MOST_SECONDS:
        failures.append(f"p95 is {p95:.2f} s")
    judged = "" if is_quiet else " The machine was not quiet, so the times are told and not judged."
    return Counted(
        size=len(seconds),
        figures=(
            f"{people} sessions on one server moved the threshold of 2,000 images {len(seconds)} "
            f"times, each after 0 to 4 s: the page was there after {np.median(seconds):.2f} s in "
            f"the median, {p95:.2f} s at p95.{judged}",
        ),
        failures=tuple(failures),
        is_judged=is_quiet,
    )


def two_servers(size: int, scratch: Path) -> Counted:
    """`size` seconds."""
    home, people = scratch / "home", 16
    seen = Seen()
    done, failures = seen.done, seen.failures
    with ExitStack() as stack:
        servers = [
            stack.enter_context(served(home, scratch / f"log-{number}")) for number in range(2)
        ]
        until = time.monotonic() + size

        def work(number: int) -> None:
            draws = np.random.default_rng(number)
            _busy(servers[number % 2].url, draws, until, seen, files=two_of_four)

        raised = together([lambda n=n: work(n) for n in range(people)])
        failures += [f"session: {type(error).__name__}: {error}" for error in raised]
        failures += log_problems(*(server.log for server in servers))
    kept, broken = cases_kept(home)
    return Counted(
        size=size,
        figures=(
            f"{people} sessions on two servers with one home did {len(done):,} things in {size} s "
            f"({done.count('upload')} uploads, the others pages and thresholds). {kept} cases are "
            f"kept, {len(broken)} of them not whole.",
        ),
        failures=tuple(failures + broken),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What all the people of a campaign did, and were shown."""

    done: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)  # ids that an address gave after an upload


Draws = np.random.Generator
Files = Sequence[tuple[str, bytes]]


def two_of_four(draws: Draws) -> Files:
    files = sample_files(samples_root(), "exam_")
    return [files[place] for place in draws.permutation(len(files))[:2]]


def one_of_its_own(draws: Draws) -> Files:
    """A file that nobody has dropped before, so that a case has to be made of it."""
    name, content = sample_files(samples_root(), "exam_")[int(draws.integers(4))]
    header = pydicom.dcmread(io.BytesIO(content))
    header.SOPInstanceUID = f"1.2.{draws.integers(2**60)}"
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    stream = io.BytesIO()
    header.save_as(stream)
    return [(name, stream.getvalue())]


def _busy(
    url: str, draws: Draws, until: float, seen: Seen, *, files: Callable[[Draws], Files]
) -> None:
    """One person, who goes from page to page, moves thresholds and drops `files`."""
    session = Session(url)
    while time.monotonic() < until:
        if draws.uniform() < 0.3:
            session.close()
            session = Session(url)
            uploaders = session.run("").uploaders
            drawn = session.upload(uploaders[0], files(draws)) if uploaders else session.run("")
            seen.cases.extend(parse_qs(session.query).get("case", []))
            what = "upload"
        elif draws.uniform() < 0.5:
            drawn = session.run(f"run={RUN}&threshold={draws.uniform(0, 1):.3f}", page="thresholds")
            what = "threshold"
        else:
            drawn = session.run("", page=str(draws.choice(_PAGES)))
            what = "page"
        seen.done.append(what)
        seen.failures.extend(f"{what}: {error}" for error in drawn.errors)
        time.sleep(float(draws.uniform(0.0, 0.5)))
    session.close()


def cases_kept(home: Path) -> tuple[int, list[str]]:
    """How many cases lie there, and what is wrong with each that is not whole."""
    root = home / "cases"
    broken = []
    folders = [folder for folder in root.glob("*") if len(folder.name) == 64]
    for folder in folders:
        try:
            case = load_case(root, folder.name)
            for image in case.images:
                load_mammogram(root, case, image)
        except MammoError as error:
            broken.append(f"case {folder.name[:8]}: {error}")
    return len(folders), broken


def large_files(count: int) -> Iterator[bytes]:
    """Mammograms of 28 MB, no two alike."""
    y, x = np.mgrid[:4096, :3328]
    grain = np.random.default_rng(0).integers(0, 300, (4096, 3328))
    pixels = np.where((y - 2048) ** 2 + x**2 < 1700**2, 1500 + grain, 0).astype(np.uint16)
    for number in range(count):
        pixels[2048, 10 : 10 + 16] = [(number >> bit & 1) * 900 + 1200 for bit in range(16)]
        yield mammogram_file(
            pixels, ImageLaterality="L", ViewPosition="CC", SOPInstanceUID=f"1.2.{number + 1}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Megabytes of a server."""

    start: float  # when a page was drawn, and nothing uploaded
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
) -> Held:
    """What is held before the first of `work`, at most meanwhile, and `patience` seconds later."""
    start = held()
    with _highest(held) as highest:
        for _ in work:
            pass
    end = _settled(held, start + _LEFT_MEGABYTES, patience=patience)
    return Held(start=start, peak=max(start, *highest), end=end)


def uploads(size: int, scratch: Path) -> Counted:
    """A new tab for each, as people come and go; what a closed tab held must be given back."""
    home = scratch / "home"
    failures: list[str] = []
    with served(home, scratch / "log") as server:
        for page in _PAGES:  # everything that a page loads, and no image
            visit = Session(server.url, page)
            visit.run("")
            visit.close()
        time.sleep(2)
        held = held_through(
            _uploaded(server.url, size, home, failures),
            partial(resident_megabytes, server.process_id),
        )
        failures += log_problems(server.log)
    is_judged = size >= JUDGED_UPLOADS
    return Counted(
        size=size,
        figures=(
            f"{size} uploads of 28 MB, each in a tab of its own: the server held {held.start:.0f} "
            f"MB before the first, {held.peak:.0f} MB at most, {held.end:.0f} MB when all tabs "
            "were closed." + ("" if is_judged else " Too few to judge what grows with them."),
        ),
        failures=(*failures, *held.failures),
        is_judged=is_judged,
    )


JUDGED_UPLOADS: Final = 200


def _uploaded(url: str, count: int, home: Path, failures: list[str]) -> Iterator[None]:
    for content in large_files(count):
        _upload_one(url, content, failures)
        forget_kept(home)
        yield


def _upload_one(url: str, content: bytes, failures: list[str]) -> None:
    session = Session(url)
    uploaders = session.run("").uploaders
    drawn = session.upload(uploaders[0], [("image.dcm", content)])
    failures.extend(f"upload: {error}" for error in drawn.errors)
    if "case=" not in session.query:
        failures.append("an upload made no case")
    session.close()


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

    thread = threading.Thread(target=look)
    thread.start()
    yield highest
    is_over.set()
    thread.join()
    highest.append(held())


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
            partial(_busy, url, np.random.default_rng(number), until, seen, files=two_of_four)
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
    kept, broken = cases_kept(home)
    growth = marks[-1][0] - marks[1][0]
    is_long = size >= _LONG_SECONDS
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
            f"4 sessions did {len(done):,} things in {size:,} s; {kept} cases are kept, "
            f"{len(broken)} not whole. The server after each sixth: {told}."
            + ("" if is_long else " Too short to judge its growth by."),
        ),
        failures=tuple(failures + broken),
        is_judged=is_long,
    )


def servers_killed(size: int, scratch: Path) -> Counted:
    """`size` kills while four people upload and go about; the next server has the same home, and
    the one after the last is asked for every case that an address was given for.
    """
    refuse_windows()
    home, draws = scratch / "home", np.random.default_rng(11)
    seen = Seen()
    failures = seen.failures
    for number in range(size):
        with served(home, scratch / f"log-{number}") as server:
            until = time.monotonic() + 120
            workers = [
                threading.Thread(target=_until_it_dies, args=(server.url, own, until, seen))
                for own in draws.spawn(4)
            ]
            before = len(seen.cases)
            for worker in workers:
                worker.start()
            while len(seen.cases) == before and time.monotonic() < until:
                time.sleep(0.1)
            time.sleep(float(draws.uniform(0.0, 4.0)))
            os.kill(server.process_id, signal.SIGKILL)
            for worker in workers:
                worker.join()
        if len(seen.cases) == before:
            failures.append(f"kill {number + 1}: no case was made before it")
        _, broken = cases_kept(home)
        failures += [f"kill {number + 1}: {one}" for one in broken]
        failures += [f"kill {number + 1}: {one}" for one in lost_of(seen.cases, home)]
    given = list(dict.fromkeys(seen.cases))
    with served(home, scratch / "log-last") as server:
        for case_id in given:
            session = Session(server.url)
            drawn = session.run(f"case={case_id}")
            failures += not_opened(case_id, drawn, images=_images_of(home, case_id))
            session.close()
        failures += log_problems(server.log)
    return Counted(
        size=size,
        figures=(
            f"{size} kills of a server under four sessions that did {len(seen.done)} things; "
            f"{len(given)} cases, no two of the same files, were in an address before a kill, and "
            "the next server was asked for each: "
            f"{len(failures)} times one was lost, not whole or not opened.",
        ),
        failures=tuple(failures),
    )


def lost_of(given: Iterable[str], home: Path) -> list[str]:
    """Which of the cases that somebody was given an address of are not there."""
    return [
        f"case {case_id[:8]} is lost"
        for case_id in dict.fromkeys(given)
        if not (home / "cases" / case_id).is_dir()
    ]


def _images_of(home: Path, case_id: str) -> list[str]:
    with suppress(MammoError):
        return [one.ref.image_id for one in load_case(home / "cases", case_id).images]
    return []


def not_opened(case_id: str, drawn: Drawn, *, images: Sequence[str]) -> list[str]:
    """What speaks against it that a page asked for a case shows its images."""
    if drawn.errors:
        return [f"case {case_id[:8]}: {error}" for error in drawn.errors]
    hidden = [image for image in images if image not in drawn.words]
    told = f"case {case_id[:8]}: {len(hidden)} of {len(images)} images are not shown"
    return [told] if hidden or not images else []


def _until_it_dies(url: str, draws: Draws, until: float, seen: Seen) -> None:
    with suppress(Exception):  # the server is killed under this session: that is the point
        _busy(url, draws, until, seen, files=one_of_its_own)
