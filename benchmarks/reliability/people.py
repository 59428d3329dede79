"""Many people at once, for long, and servers that are killed under their hands."""

import hashlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

import numpy as np
import pydicom

from benchmarks.reliability.campaign import QUIET, Counted, refuse_windows, watched
from benchmarks.reliability.client import (
    Control,
    Drawn,
    Session,
    SessionError,
    sample_files,
    together,
)
from mammo_core.errors import MammoError
from mammo_core.files import samples_root
from mammo_core.preprocessing.cases import load_case, load_mammogram
from mammo_core.runs.naming import About, write_about
from tests.e2e.server import ROOT, Server, running_server
from tests.predictions import made_up_predictions, write_run

RUN: Final = "20260101-000000-made-up-aaaa"
PAGES: Final = ("", "thresholds", "compare", "train", "data")
_MOST_SECONDS: Final = 1.0
_SLIDER: Final = "mammo_threshold_slider"
_SCORES: Final = "mammo_score_panel"


@contextmanager
def served(home: Path, log: Path) -> Iterator[Server]:
    settings: Mapping[str, str] = {
        "MAMMO_HOME": str(home),
        "MAMMO_CHECKPOINTS": str(home / "checkpoints"),
        "OMP_NUM_THREADS": "1",
    }
    write_scores(home)
    with running_server(ROOT / "served.py", log, settings) as server:
        yield server


def write_scores(home: Path) -> None:
    """A run of 2,000 scores and no weights. It is archived: only an address that names it shows
    it, and what is dropped is read by a model that can.
    """
    if not (home / "checkpoints" / RUN).exists():
        predictions = made_up_predictions(women=500, with_cancer=120, skill=1.5, model_id=RUN)
        run = write_run(home / "checkpoints", RUN, predictions)
        write_about(run, About(title=RUN, is_archived=True))


def log_problems(*logs: Path) -> list[str]:
    """Tracebacks that no page showed."""
    return [
        f"a traceback in the log: {text.split('Traceback', 1)[1][-300:]}"
        for text in (log.read_text(encoding="utf-8", errors="replace") for log in logs)
        if "Traceback" in text
    ]


def thresholds(size: int, scratch: Path) -> Counted:
    """`size` moves by twenty people, each told to the server as a browser tells it: what is in the
    fragment of the page alone is drawn anew.
    """
    people, failures = 20, []
    seconds: list[float] = []
    with served(scratch / "home", scratch / "log") as server:
        sessions = [Session(server.url, "thresholds") for _ in range(people)]
        sliders = [slider_of(session.run(f"run={RUN}")) for session in sessions]
        moves = max(1, size // people)

        def move(number: int) -> None:
            draws = np.random.default_rng(number)
            session, slider = sessions[number], sliders[number]
            for _ in range(moves):
                time.sleep(float(draws.uniform(0.0, 4.0)))  # a person looks at what came
                threshold = round(float(draws.uniform(0, 1)), 3)
                state = {"threshold": {"value": threshold, "of": slider.header["of"]}}
                drawn = session.change(slider, state)
                seconds.append(drawn.seconds)
                failures.extend(f"on the page: {error}" for error in drawn.errors)
                failures.extend(not_moved(drawn, session.query, threshold))

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


def slider_of(drawn: Drawn) -> Control:
    if _SLIDER not in drawn.controls:
        raise SessionError(f"The page shows no slider: {drawn.errors}")
    return drawn.controls[_SLIDER]


def not_moved(drawn: Drawn, query: str, threshold: float) -> list[str]:
    """What speaks against it that a threshold was moved as a browser moves it."""
    failures = []
    if not drawn.is_part:
        failures.append("the whole page was drawn anew")
    if parse_qs(query).get("threshold") != [repr(threshold)]:
        failures.append("the threshold stayed where it was")
    return failures


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
            be_busy(servers[number % 2].url, draws, until, seen, files=two_of_four)

        raised = together([lambda n=n: work(n) for n in range(people)])
        failures += [f"session: {type(error).__name__}: {error}" for error in raised]
        failures += log_problems(*(server.log for server in servers))
    kept, broken = cases_kept(home, seen.cases)
    return Counted(
        size=size,
        figures=(
            f"{people} sessions on two servers with one home did {len(done):,} things in {size} s "
            f"({sum(seen.scored)} of {len(seen.scored)} uploads were scored; the others pages and "
            f"thresholds). {kept} cases are kept, {len(broken)} lost or not whole.",
        ),
        failures=tuple(failures + broken),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What all the people of a campaign did, and were shown."""

    done: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)  # ids that an address gave after an upload
    scored: list[bool] = field(default_factory=list)  # of each upload


Draws = np.random.Generator
Files = Sequence[tuple[str, bytes]]


@cache
def four_files() -> Files:
    """The exam among the samples, under other ids: of the samples themselves readings are kept,
    and nothing would be scored.
    """
    return [
        (name, with_id(content, f"1.2.{number}"))
        for number, (name, content) in enumerate(sample_files(samples_root(), "exam_"), start=1)
    ]


def two_of_four(draws: Draws) -> Files:
    files = four_files()
    return [files[place] for place in draws.permutation(len(files))[:2]]


def one_of_its_own(draws: Draws) -> Files:
    """A file that nobody has dropped before, so that a case has to be made of it."""
    name, content = four_files()[int(draws.integers(4))]
    return [(name, with_id(content, f"1.2.{draws.integers(2**60)}"))]


def with_id(content: bytes, instance: str) -> bytes:
    header = pydicom.dcmread(io.BytesIO(content))
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = instance
    stream = io.BytesIO()
    header.save_as(stream)
    return stream.getvalue()


def drop(session: Session, files: Files, seen: Seen) -> Drawn:
    """Drop `files` on Read, and wait until the page has said what there is to say of them."""
    drawn = session.upload(session.run("").uploaders[0], files)
    seen.cases.extend(parse_qs(session.query).get("case", []))
    seen.scored.append(is_scored(drawn, files))
    if not seen.scored[-1]:
        seen.failures.append("upload: no score is shown")
    return drawn


def is_scored(drawn: Drawn, files: Files) -> bool:
    """Whether the panel that a page shows is of the scores of these very files: an image's id is
    the hash of its file.
    """
    ids = [hashlib.sha256(content).hexdigest()[:12] for _, content in files]
    panels = [text for text in drawn.texts if _SCORES in text]
    return any(all(one in text for one in ids) for text in panels)


def be_busy(
    url: str, draws: Draws, until: float, seen: Seen, *, files: Callable[[Draws], Files]
) -> None:
    """One person, who goes from page to page, moves thresholds and drops `files`."""
    session = Session(url)
    while time.monotonic() < until:
        if draws.uniform() < 0.3:
            session.close()
            session = Session(url)
            drawn = drop(session, files(draws), seen)
            what = "upload"
        elif draws.uniform() < 0.5:
            drawn = session.run(f"run={RUN}&threshold={draws.uniform(0, 1):.3f}", page="thresholds")
            what = "threshold"
        else:
            drawn = session.run("", page=str(draws.choice(PAGES)))
            what = "page"
        seen.done.append(what)
        seen.failures.extend(f"{what}: {error}" for error in drawn.errors)
        time.sleep(float(draws.uniform(0.0, 0.5)))
    session.close()


def cases_kept(home: Path, given: Iterable[str]) -> tuple[int, list[str]]:
    """How many cases lie there, and what is wrong: with each that is not whole, and with each of
    those `given` in an address that is not there.
    """
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
    return len(folders), broken + lost_of(given, home)


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
            until = time.monotonic() + 240  # a model is loaded for the first
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
        _, broken = cases_kept(home, seen.cases)
        failures += [f"kill {number + 1}: {one}" for one in broken]
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
        be_busy(url, draws, until, seen, files=one_of_its_own)
