"""A disk that is full at one write after another: a small one of its own, smaller or larger by the
try, under what the program writes.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.reliability.campaign import CannotRunError, Counted
from benchmarks.reliability.kills import unreadable
from mammo_core.errors import MammoError
from mammo_core.files import sweep_scratch
from mammo_core.preprocessing.cases import load_case, load_mammogram, store_case
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.runs.jobs import create_run
from mammo_core.runs.kept_tables import keep_table, load_table
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


def _leftovers(disk: Path) -> list[str]:
    return [path.name for path in disk.rglob(".*.tmp")]


def case_on(disk: Path, content: bytes) -> str:
    """ "done", "told" in words, or what is wrong."""
    root = disk / "cases"
    try:
        root.mkdir()
        case = store_case([content], root, keep=keep_mammogram, now=time.time())
        if case.refusals:
            return f"the file is blamed: {case.refusals[0].sentence}"
        load_mammogram(root, load_case(root, case.case_id), case.images[0])
        return "done"
    except MammoError as error:
        wrong = _leftovers(disk) or [p.name for p in root.glob("*") if len(p.name) == 64]
        return f"left behind: {wrong}" if wrong else _in_words(error)


def table_on(disk: Path, content: bytes) -> str:
    data = b"image_id,score,label\n" + content[:60_000].hex().encode()
    try:
        kept = keep_table(disk / "tables", data)
        return "done" if load_table(disk / "tables", kept) == data else "another table is kept"
    except MammoError as error:
        return f"left behind: {_leftovers(disk)}" if _leftovers(disk) else _in_words(error)


def _in_words(error: MammoError) -> str:
    return "told" if "no room left" in str(error) else f"other words: {error}"


def training_on(disk: Path, women: Path) -> str:
    """A run whose folder lies on the disk; its worker is a process, as always."""
    try:
        run = create_run(tiny_config(women, epochs=1), disk, what="full", total=1)
    except MammoError as error:
        return _in_words(error)
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
    sweep_scratch(run.path, now=time.time() + 3600)
    said = status.state is RunState.FAILED and "no room left" in status.message
    return "told" if said and not run.is_checkpoint else f"{status.state}: {status.message}"


def space_of(work: Callable[[Path], str], scratch: Path) -> int:
    """How many bytes the work takes where there is room."""
    with small_disk(scratch / "large", 2**26) as disk:
        outcome = work(disk)
        state = os.statvfs(disk)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
    if outcome != "done":
        raise RuntimeError(f"Where there was room: {outcome}")
    return used


def full_disks(size: int, scratch: Path) -> Counted:
    """`size` disks, from one block to nearly enough, in turns for each kind of work."""
    women = scratch / "women"
    write_phantom_set(women, women=12, seed=0, size=(64, 32))
    content = sorted((women / "images").iterdir())[0].read_bytes()
    works: dict[str, Callable[[Path], str]] = {
        "a case": lambda disk: case_on(disk, content),
        "a table": lambda disk: table_on(disk, content * 20),
        "a training": lambda disk: training_on(disk, women),
    }
    each = max(1, size // len(works))
    outcomes: Counter[str] = Counter()
    failures = []
    for name, work in works.items():
        enough = space_of(work, scratch / name.replace(" ", "-"))
        for number in range(each):
            bytes_there = max(_BLOCK, enough * (number + 1) // (each + 1) // _BLOCK * _BLOCK)
            place = scratch / f"disk-{name[2:]}-{number}"
            with small_disk(place, bytes_there) as disk:
                outcome = work(disk)
            outcomes[outcome if outcome in ("done", "told") else "wrong"] += 1
            if outcome not in ("done", "told"):
                failures.append(f"{name} on {bytes_there:,} bytes of {enough:,}: {outcome}")
    return Counted(
        size=each * len(works),
        figures=(
            f"{each * len(works)} disks of different sizes, each too small for what was to be "
            f"written to it (a case, a table, a training): {outcomes['told']} times that was said "
            f"in words, {outcomes['done']} times it fitted after all, {outcomes['wrong']} times "
            "something was left half, unreadable or unsaid.",
        ),
        failures=tuple(failures),
    )
