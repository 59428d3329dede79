"""A disk that is full at one write after another: a small one of its own, smaller or larger by the
try, under what the program writes.
"""

import io
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.reliability.campaign import CannotRunError, Counted
from benchmarks.reliability.kills import images_in, unreadable, write_checkpoint_in
from mammo_core.cli import main as mammo
from mammo_core.config import PrepareSettings
from mammo_core.errors import MammoError
from mammo_core.inference.archive import export_checkpoint, import_checkpoint
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.preprocessing.cache import Cache, build_missing, open_images
from mammo_core.preprocessing.cases import load_case, load_mammogram, store_case
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.runs.jobs import create_run
from mammo_core.runs.kept_tables import keep_table, load_table
from mammo_core.runs.reader_study import (
    Phase,
    ReaderAnswer,
    ReadingStudy,
    StudyCase,
    answers_of,
    create_study,
    lock_answer,
)
from mammo_core.sharing.access_log import note_access, read_accesses, verify
from mammo_core.types import RunState
from tests.training.test_worker import tiny_config

_BLOCK: Final = 4096


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotRunError("only root makes a disk, and only on Linux.")
    place.mkdir(parents=True)
    made = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if subprocess.run(made, check=False, capture_output=True).returncode:
        raise CannotRunError("no disk can be made here.")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def leftovers(disk: Path) -> list[str]:
    """What is half-written: nobody has swept yet, as nobody has when the next work begins."""
    return [
        path.name
        for path in disk.rglob(".*")
        if path.suffix == ".tmp" or path.name.partition("-")[0].endswith("ing")
    ]


def outcome_of(work: Callable[[Path], str], disk: Path) -> str:
    """ "done", "told" in words, or what is wrong."""
    try:
        outcome = work(disk)
    except MammoError as error:
        outcome = "told" if _says_why(str(error)) else f"other words: {error}"
    except Exception as error:  # noqa: BLE001 - whatever it is, a page would show it as a failure
        outcome = f"{type(error).__name__}: {error}"
    left = leftovers(disk)
    return f"{outcome}; left behind: {left}" if left else outcome


def _says_why(text: str) -> bool:
    return any(words in text for words in ("no room left", "make room", "not so much room left"))


def case_on(disk: Path, content: bytes) -> str:
    root = disk / "cases"
    root.mkdir()
    try:
        case = store_case([content], root, keep=keep_mammogram, now=time.time())
    except MammoError:
        if half := [path.name for path in root.glob("*") if len(path.name) == 64]:
            return f"left behind: {half}"
        raise
    if case.refusals:
        return f"the file is blamed: {case.refusals[0].sentence}"
    load_mammogram(root, load_case(root, case.case_id), case.images[0])
    return "done"


def table_on(disk: Path, content: bytes) -> str:
    data = b"image_id,score,label\n" + content[:60_000].hex().encode()
    kept = keep_table(disk / "tables", data)
    return "done" if load_table(disk / "tables", kept) == data else "another table is kept"


def training_on(disk: Path, women: Path) -> str:
    """A run whose folder lies on the disk; its worker is a process, as always."""
    run = create_run(tiny_config(women, epochs=1), disk, what="full", total=1)
    subprocess.run(
        [sys.executable, "-m", "mammo_core.worker", "train", str(run.path)],
        check=False,
        capture_output=True,
        timeout=300,
    )
    if problem := unreadable(run):
        return f"unreadable: {problem}"
    status = run.read_status()
    if status.state is RunState.FINISHED:
        return "done"
    said = status.state is RunState.FAILED and _says_why(status.message)
    return "told" if said and not run.is_checkpoint else f"{status.state}: {status.message}"


def cache_on(disk: Path, images: Sequence[Path], whole: Cache) -> str:
    """Past the look at how much room there is, which another program may take meanwhile."""
    cache = Cache(root=disk, settings=whole.settings)
    try:
        build_missing(cache, images, processes=1, report=lambda done, total: None)
    finally:
        there = [file for file in images if cache.find(file) is not None]
        if there and not _are_equal(cache, whole, there):
            raise RuntimeError("what the cache holds is not what was prepared")
    return "done" if len(there) == len(images) else "not all was built, and nothing said"


def _are_equal(cache: Cache, whole: Cache, files: Sequence[Path]) -> bool:
    ours, theirs = open_images(cache, files), open_images(whole, files)
    return all(np.array_equal(ours[number], theirs[number]) for number in range(len(files)))


def prediction_on(disk: Path, asked: Sequence[str], whole: Path) -> str:
    out, said = disk / "scores.csv", io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        status = mammo([*asked, "--out", str(out)])
    left = out.read_text() if out.exists() else ""
    if not whole.read_text().startswith(left) or (left and not left.endswith("\n")):
        return "rows that are not those of a prediction that had room, or half of one"
    if status == 0:
        return "done" if left == whole.read_text() else "rows are missing, and nothing said"
    return "told" if _says_why(said.getvalue()) else f"other words: {said.getvalue()[-200:]}"


def import_on(disk: Path, archive: Path) -> str:
    try:
        run = import_checkpoint(archive, disk / "checkpoints", name="imported")
    except MammoError:
        if (disk / "checkpoints" / "imported").exists():
            return "half a checkpoint is left"
        raise
    load_checkpoint(run.path)
    return "done"


def export_on(disk: Path, checkpoint: Path, whole: Path) -> str:
    out = disk / "checkpoint.zip"
    try:
        export_checkpoint(checkpoint, out)
    except MammoError:
        if out.exists():
            return "half an archive is left"
        raise
    return "done" if out.read_bytes() == whole.read_bytes() else "another archive"


_LINES: Final = 200
_BALLAST: Final = 2 * _BLOCK
TOO_SMALL: Final = "too small to be tried"


def lines_on(
    disk: Path,
    add: Callable[[Path, int], object],
    read: Callable[[Path], Sequence[int]],
    begin: Callable[[Path], object] = lambda disk: None,
) -> str:
    """Lines that are appended until there is no room: those that were taken are there, and when
    there is room again the next one is too. `read` tells the numbers of all lines; `begin` is done
    before the first.
    """
    ballast = disk / "ballast"
    try:
        ballast.write_bytes(os.urandom(_BALLAST))
    except OSError:  # our own file, which nobody has to tell of
        return TOO_SMALL
    begin(disk)
    taken: list[int] = []
    try:
        for number in range(_LINES):
            add(disk, number)
            taken.append(number)
    except MammoError as error:
        if list(read(disk)) != taken:
            return "what was taken cannot be read as it was"
        ballast.unlink()
        add(disk, _LINES)
        if list(read(disk)) != [*taken, _LINES]:
            return "what was taken before, or comes after, cannot be read"
        return "told" if _says_why(str(error)) else f"other words: {error}"
    return "done" if list(read(disk)) == taken else "not all that was taken can be read"


def log_on(disk: Path) -> str:
    def add(place: Path, number: int) -> None:
        note_access(place / "access.jsonl", "reader", "opened", case="c" * 64, about=str(number))

    def read(place: Path) -> list[int]:
        verify(place / "access.jsonl")
        return [int(one.about) for one in read_accesses(place / "access.jsonl")]

    return lines_on(disk, add, read)


def answers_on(disk: Path) -> str:
    ids = [f"{number:064x}" for number in range(_LINES + 1)]
    study = ReadingStudy(
        title="Full",
        cases=tuple(StudyCase(case_id=one, name="x") for one in ids),
        checkpoint="x",
        seed=1,
        created_at="2026-01-01T00:00:00Z",
    )

    def add(place: Path, number: int) -> None:
        answer = ReaderAnswer(
            reader="R", case_id=ids[number], phase=Phase.UNAIDED, score=50, seconds=1.0,
            answered_at="2026-01-01T00:00:00Z", weights_sha256="0" * 64,
        )  # fmt: skip
        lock_answer(place / "studies", study, answer)

    def read(place: Path) -> list[int]:
        return [int(one.case_id, 16) for one in answers_of(place / "studies", study)]

    def begin(place: Path) -> None:
        create_study(place / "studies", study)

    return lines_on(disk, add, read, begin)


def space_of(work: Callable[[Path], str], scratch: Path) -> int:
    """How many bytes the work takes where there is room."""
    with small_disk(scratch / "large", 2**26) as disk:
        outcome = outcome_of(work, disk)
        state = os.statvfs(disk)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
    if outcome != "done":
        raise RuntimeError(f"Where there was room: {outcome}")
    return used


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    name: str
    work: Callable[[Path], str]
    least: int = _BLOCK  # bytes of the smallest disk on which there is anything to see


def _writers(scratch: Path) -> list[Writer]:
    """Everything that writes, each with what it writes where there is room."""
    women, images = scratch / "women", images_in(scratch / "images", 40)
    write_phantom_set(women, women=12, seed=0, size=(64, 32))
    pictures = sorted((women / "images").iterdir())
    content = pictures[0].read_bytes()
    cache = Cache(root=scratch / "cache", settings=PrepareSettings(size=(32, 16)))
    build_missing(cache, images, processes=1, report=lambda done, total: None)
    checkpoint = write_checkpoint_in(scratch / "model")
    archive, scores = scratch / "model.zip", scratch / "scores.csv"
    export_checkpoint(checkpoint, archive)
    asked = ["predict", *map(str, pictures), "--checkpoint", str(checkpoint)]
    with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
        mammo([*asked, "--out", str(scores)])
    works: dict[str, Callable[[Path], str]] = {
        "a case": lambda disk: case_on(disk, content),
        "a table": lambda disk: table_on(disk, content * 20),
        "a training": lambda disk: training_on(disk, women),
        "a cache": lambda disk: cache_on(disk, images, cache),
        "a prediction": lambda disk: prediction_on(disk, asked, scores),
        "a checkpoint that comes in": lambda disk: import_on(disk, archive),
        "a checkpoint that goes out": lambda disk: export_on(disk, checkpoint, archive),
    }
    lines = {"the access log": log_on, "answers of a reader study": answers_on}
    return [
        *(Writer(name=name, work=work) for name, work in works.items()),
        *(
            Writer(name=name, work=work, least=_BALLAST + 2 * _BLOCK)
            for name, work in lines.items()
        ),
    ]


def sizes_of(writer: Writer, enough: int, count: int) -> list[int]:
    """Bytes of `count` disks, from the least to nearly enough."""
    room = enough - writer.least
    wanted = [writer.least + room * (number + 1) // (count + 1) for number in range(count)]
    return [max(writer.least, size // _BLOCK * _BLOCK) for size in wanted]


def full_disks(size: int, scratch: Path) -> Counted:
    """`size` disks, from the least to nearly enough, in turns for each kind of work."""
    with small_disk(scratch / "none", _BLOCK):  # before anything is made ready for nothing
        pass
    writers = _writers(scratch)
    each = max(1, size // len(writers))
    outcomes: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    failures = []
    for place, writer in enumerate(writers):
        enough = space_of(writer.work, scratch / f"room-{place}")
        for number, bytes_there in enumerate(sizes_of(writer, enough, each)):
            with small_disk(scratch / f"disk-{place}-{number}", bytes_there) as disk:
                outcome = outcome_of(writer.work, disk)
            outcomes[outcome if outcome in ("done", "told", TOO_SMALL) else "wrong"] += 1
            if outcome not in ("done", "told", TOO_SMALL):
                failures.append(f"{writer.name} on {bytes_there:,} bytes of {enough:,}: {outcome}")
            tried[writer.name] += outcome != TOO_SMALL
        if not tried[writer.name]:
            failures.append(f"{writer.name}: no disk was large enough to try")
    return Counted(
        size=tried.total(),
        figures=(
            f"{tried.total()} disks of different sizes, each too small for what was to be "
            f"written to it ({', '.join(writer.name for writer in writers)}): {outcomes['told']} "
            f"times that was said in words, {outcomes['done']} times it fitted after all, "
            f"{outcomes['wrong']} times something was left half, unreadable or unsaid.",
        ),
        failures=tuple(failures),
    )
