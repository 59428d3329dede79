"""A made-up benchmark for the tests of the table. Each of its sides loads all of this module."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.side_by_side import Comparison, Growth, Side, Work, clocked

KEPT = "kept.txt"


def put_count(folder: Path, size: int) -> None:
    (folder / "count.txt").write_text(str(size))


@contextmanager
def noted(folder: Path, *, name: str, seconds: float) -> Iterator[Work]:
    """Says that it takes so long for each that was put down, and writes down that it was asked."""
    count = int((folder / "count.txt").read_text())

    def work() -> float:
        with (folder / KEPT).open("a") as kept:
            kept.write(name)
        return seconds * count

    yield work


@contextmanager
def closing_books(folder: Path) -> Iterator[Work]:
    """Fails where the sides did not take turns: its own is between those of a and b."""
    noisy = print
    noisy("what a library says does not disturb")

    def work() -> float:
        asked = (folder / KEPT).read_text()
        turns = len(asked) // 2
        assert asked == "ab" * turns, asked
        return float(turns)

    yield work


@contextmanager
def breaking(_folder: Path) -> Iterator[Work]:
    def work() -> float:
        raise ValueError("a new version | has another name")

    yield work


@contextmanager
def holding(_folder: Path) -> Iterator[Work]:
    def hold() -> None:
        held = bytearray(64 * 2**20)
        time.sleep(0.3)
        del held

    yield clocked(hold)


A = Side(name="a", open=partial(noted, name="a", seconds=0.5))
B = Side(name="b", open=partial(noted, name="b", seconds=1.5))
TURNS = Comparison(
    what="turns",
    put=put_count,
    size=2,
    here=A,
    instead=(B, Side(name="books", open=closing_books)),
    turns=3,
)
LACKING = Comparison(
    what="lacking",
    put=put_count,
    size=1,
    here=A,
    instead=(
        Side(name="rival", open=breaking, needs="surely_not_installed"),
        Side(name="broken", open=breaking),
        B,
    ),
    turns=1,
    tells_memory=False,
)
HELD = Comparison(
    what="held",
    put=put_count,
    size=1,
    here=Side(name="held", open=holding),
    instead=(A, Side(name="soon", open=partial(noted, name="soon", seconds=0.1))),
    turns=1,
)
MORE = Growth(what="more", put=put_count, here=A, sizes=(100, 1_000), turns=0)
ENTRIES = (TURNS, LACKING, HELD, MORE)
