"""The machinery of `python -m benchmarks`: one work, done here and by what one would use instead.

Each side works in a process of its own, which loads what that side needs and nothing of the other,
and the sides take turns. The first turn is not timed: in it the memory of the process and of those
it started is looked at. What runs in such a process is this module.
"""

import importlib
import importlib.util
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import psutil

#: Does it once; the seconds that took.
Work = Callable[[], float]
LOOK_SECONDS: Final = 0.05  # between two looks at the memory
_LOOKS: Final = 4  # fewer may miss the most that a work takes
GROWN: Final = (1_000, 10_000, 100_000)
DASH: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """`open` makes everything ready, on the files in a folder, and yields what is timed."""

    name: str
    open: Callable[[Path], AbstractContextManager[Work]]
    needs: str = ""  # a package that the requirements do not have; it is imported by the same name
    settings: Mapping[str, str] = field(default_factory=dict)  # variables it is started with

    @property
    def is_there(self) -> bool:
        return not self.needs or importlib.util.find_spec(self.needs) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A row for each of `instead`. `put` writes into a folder what is worked on, so many of it."""

    what: str
    put: Callable[[Path, int], object]
    size: int
    here: Side
    instead: tuple[Side, ...]
    turns: int = 5
    tells_memory: bool = True

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.here, *self.instead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What the same takes of more and more: measured at `sizes`, beyond them drawn on."""

    what: str
    put: Callable[[Path, int], object]
    here: Side
    sizes: tuple[int, ...] = GROWN
    turns: int = 3  # 0 times the first, in which memory is looked at: of what takes long

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.here,)


Entry = Comparison | Growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The best of a side's turns; NaN for its memory where the system does not tell, or the
    work was over too soon to be looked at.
    """

    seconds: float
    megabytes: float


def compare(module: str, entry: Comparison) -> list[tuple[str, ...]]:
    """The rows of an entry: work, here, instead, ratio, memory here, memory instead."""
    found = measure(module, entry, size=entry.size, turns=entry.turns)
    ours = found[entry.here.name]
    rows: list[tuple[str, ...]] = []
    for side in entry.instead:
        theirs = found[side.name]
        if isinstance(theirs, str) or isinstance(ours, str):
            told = theirs if isinstance(theirs, str) else DASH
            rows.append((entry.what, _time_of(ours), f"{side.name}: {told}", DASH, DASH, DASH))
            continue
        memory = [in_megabytes(one.megabytes) for one in (ours, theirs)]
        rows.append(
            (
                entry.what,
                in_seconds(ours.seconds),
                f"{side.name}: {in_seconds(theirs.seconds)}",
                in_times(theirs.seconds / ours.seconds),
                *(memory if entry.tells_memory else (DASH, DASH)),
            )
        )
    return rows


def grow(module: str, entry: Growth) -> tuple[str, ...]:
    """The row of an entry: work, the seconds at each size of `GROWN`, memory at the largest that
    was measured.
    """
    seconds: dict[int, float] = {}
    megabytes = float("nan")
    for size in entry.sizes:
        one = measure(module, entry, size=size, turns=entry.turns)[entry.here.name]
        if isinstance(one, str):
            return (entry.what, one, *[DASH] * len(GROWN))
        seconds[size], megabytes = one.seconds, one.megabytes
    cells = [
        in_seconds(seconds[size])
        if size in seconds
        else f"about {in_seconds(drawn_on(seconds, size))}, from {max(seconds):,}"
        for size in GROWN
    ]
    memory = f"{in_megabytes(megabytes)} at {max(seconds):,}"
    return (entry.what, *cells, DASH if math.isnan(megabytes) else memory)


def drawn_on(seconds: Mapping[int, float], size: int) -> float:
    """At `size`, on the straight line through the two largest that were measured."""
    (few, at_few), (many, at_many) = sorted(seconds.items())[-2:]
    return at_many + (at_many - at_few) / (many - few) * (size - many)


def in_seconds(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:.0f} min"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"


def in_times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def in_megabytes(megabytes: float) -> str:
    return DASH if math.isnan(megabytes) else f"{megabytes:.0f} MB"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def clocked(work: Callable[[], object]) -> Work:
    """`work`, timed from its start to its end."""

    def timed() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return timed


def measure(module: str, entry: Entry, *, size: int, turns: int) -> dict[str, Measured | str]:
    """By the name of each side what it took; in words where it is not there, or failed."""
    there = [side for side in entry.sides if side.is_there]
    missing = {side.name: f"not installed: pip install {side.needs}" for side in entry.sides}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        (folder / "data").mkdir()
        with _process(module, entry, "", folder, str(size)) as putting:
            try:
                putting.ask()
            except EOFError:
                words = f"nothing to work on ({putting.last_words()})"
                return {side.name: words for side in entry.sides}
        running = {
            side.name: stack.enter_context(_process(module, entry, side.name, folder))
            for side in there
        }
        return missing | _in_turns(running, turns)


def _in_turns(running: "Mapping[str, _Process]", turns: int) -> dict[str, Measured | str]:
    took: dict[str, list[float]] = {name: [] for name in running}
    megabytes: dict[str, float] = {}
    failed: dict[str, str] = {}
    for turn in range(1 + turns):
        for name in [name for name in running if name not in failed]:
            try:
                if turn == 0:
                    megabytes[name], seconds = running[name].look()
                else:
                    seconds = running[name].ask()
                took[name].append(seconds)
            except EOFError:
                failed[name] = f"failed ({running[name].last_words()})"
    first = min(1, turns)  # that is timed
    return {
        name: failed.get(name)
        or Measured(seconds=min(took[name][first:]), megabytes=megabytes[name])
        for name in running
    }


def _time_of(found: Measured | str) -> str:
    return found if isinstance(found, str) else in_seconds(found.seconds)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Process:
    """A side at work elsewhere: a line in is a turn, a line out its seconds."""

    process: "subprocess.Popen[str]"
    log: Path

    def ask(self) -> float:
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None
        assert answers is not None
        with suppress(BrokenPipeError):  # it is gone; so is its answer
            questions.write("\n")
            questions.flush()
        line = answers.readline()
        if not line:
            raise EOFError
        return float(line)

    def look(self) -> tuple[float, float]:
        """Megabytes it took to get ready and do the work once, at its most, beyond what it had when
        it was loaded, its own and those of processes it started; and the seconds of the work. NaN
        where these were too few to look.
        """
        self.ask()  # it is loaded
        try:
            before = _megabytes(self.process.pid)
        except (psutil.Error, AttributeError):  # another system, or not allowed
            return float("nan"), self.ask()
        seen, is_over = [before], threading.Event()

        def watch() -> None:
            while not is_over.wait(LOOK_SECONDS):
                with suppress(psutil.Error):
                    seen.append(_megabytes(self.process.pid))

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            took = self.ask()
        finally:
            is_over.set()
            watching.join()
        if took < _LOOKS * LOOK_SECONDS:
            return float("nan"), took
        return max(seen) - before, took

    def last_words(self) -> str:
        words = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        sys.stderr.write("\n".join((*words[-20:], "")))
        return words[-1].replace("|", "/")[:120] if words else "without a word"


def _megabytes(process_id: int) -> float:
    """Of a process and its children, what several share divided among them."""
    first = psutil.Process(process_id)
    total = 0
    for process in (first, *first.children(recursive=True)):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            total += process.memory_full_info().pss
    return float(total / 2**20)


@contextmanager
def _process(module: str, entry: Entry, name: str, folder: Path, *more: str) -> Iterator[_Process]:
    """Of the side of that name; without one, what puts down the files."""
    settings = next((dict(side.settings) for side in entry.sides if side.name == name), {})
    home = {"MAMMO_HOME": str(folder / "home"), "MAMMO_CHECKPOINTS": str(folder / "runs")}
    log = folder / f"{len(list(folder.glob('*.log')))}.log"
    command = [sys.executable, "-m", __name__, module, entry.what, name, str(folder / "data")]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output,
            env={**os.environ, **home, **settings}, text=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip
    try:
        yield _Process(process=process, log=log)
    finally:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()  # it ends of that
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def main(module: str, what: str, name: str, data: str, *size: str) -> None:
    """In the process of a side: an answer for each line of the input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries say goes to the log
    entry: Entry = next(one for one in importlib.import_module(module).ENTRIES if one.what == what)
    folder = Path(data)
    if not name:
        _answer(answers, clocked(lambda: entry.put(folder, int(size[0]))))
        return
    side = next(one for one in entry.sides if one.name == name)
    _answer(answers, lambda: 0.0)  # loaded
    if not sys.stdin.readline():
        return
    with side.open(folder) as work:
        answers.write(f"{work()}\n")
        answers.flush()
        while sys.stdin.readline():
            answers.write(f"{work()}\n")
            answers.flush()


def _answer(answers: IO[str], work: Work) -> None:
    if sys.stdin.readline():
        answers.write(f"{work()}\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
