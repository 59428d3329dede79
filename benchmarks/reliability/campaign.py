"""What a campaign is, how busy the machine was meanwhile, and how figures get into the document."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from mammo_core.files import without_folders

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "reliability.md"
NOT_RUN: Final = "Not run."
QUIET: Final = 0.1  # of all cores: more than that for others, and times are no longer ours
_SHOWN: Final = 60  # failures that are named
_MOST_LETTERS: Final = 300  # of an error


class CannotRunError(Exception):
    """What the campaign needs is not here, in words."""


def refuse_windows() -> None:
    if os.name == "nt":
        raise CannotRunError("Windows neither forks nor kills as this asks for.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """`failures` says of each thing that went wrong which and how; none means that the line holds.

    `figures` are sentences.
    """

    size: int
    figures: tuple[str, ...]
    failures: tuple[str, ...] = ()
    is_judged: bool = True  # False where the machine or the size does not allow it; figures say why


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    name: str
    title: str
    counts: str  # what is done, and counted
    line: str  # what must hold
    unit: str  # what `size` is a number of
    size: int  # of the whole
    small: int  # in `python start.py test --all`; 0 where a quiet machine and time must judge
    run: Callable[[int, Path], Counted]  # so many, in an empty folder


@dataclass(slots=True)
class Load:
    """How much of the machine went to others; filled when the time is over."""

    others: float = 0.0  # share of all cores
    seconds: float = 0.0
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def in_words(self) -> str:
        machine = f"{self.cores} cores"
        if self.others < QUIET:
            return f"{machine}, quiet (other work took {self.others:.0%} of them)"
        return f"{machine}, not quiet (other work took {self.others:.0%} of them)"


@contextmanager
def watched() -> Iterator[Load]:
    """What ran meanwhile and was not started from here. A process that we ended and did not wait
    for counts as another's: a machine is rather called busy than quiet.
    """
    load = Load()
    start, busy, own = time.monotonic(), _busy_seconds(), _own_seconds()
    try:
        yield load
    finally:
        load.seconds = time.monotonic() - start
        others = (_busy_seconds() - busy) - (_own_seconds() - own)
        load.others = max(0.0, others / max(load.seconds * load.cores, 1e-9))


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def _own_seconds() -> float:
    spent = os.times()
    living = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            used = child.cpu_times()
        except psutil.Error:
            continue
        living += used.user + used.system + used.children_user + used.children_system
    return spent.user + spent.system + spent.children_user + spent.children_system + living


def result_in_words(campaign: Campaign, counted: Counted, load: Load) -> str:
    """What stands in the document, and is printed."""
    verdict = "Holds." if counted.is_judged else "Not judged."
    if counted.failures:
        verdict = f"FAILS: {len(counted.failures):,} times."
    lines = [
        _of_what(campaign, counted.size, load),
        "",
        f"**{verdict}** " + " ".join(counted.figures),
    ]
    lines += ["", *(f"* {failure}" for failure in counted.failures[:_SHOWN])]
    return "\n".join(lines).strip()


def end_in_words(campaign: Campaign, size: int, error: Exception, load: Load) -> str:
    """What stands there of one that ended by itself, before it had counted anything."""
    said = " ".join(without_folders(str(error)).split())[:_MOST_LETTERS]
    verdict = f"**FAILS: ended by {type(error).__name__}.** {said}"
    return f"{_of_what(campaign, size, load)}\n\n{verdict}".strip()


def _of_what(campaign: Campaign, size: int, load: Load) -> str:
    whole = "" if size >= campaign.size else f" of {campaign.size:,}"
    command = f"python -m benchmarks.reliability {campaign.name} --size {size}"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {size:,}{whole} {campaign.unit}, {load.seconds:,.0f} s, "
        f"`{command}`, {load.in_words}, commit {_commit()}."
    )


def _commit() -> str:
    asked = ["git", "rev-parse", "--short=10", "HEAD"]
    ended = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout.strip() or "unknown"


def section(campaign: Campaign, result: str) -> str:
    """Everything about one campaign; only what lies between the marks changes."""
    start, end = _marks(campaign)
    small = (
        f"with `test --all`: {campaign.small:,}" if campaign.small else "no part of `test --all`"
    )
    return (
        f"## {campaign.title}\n\n{campaign.counts}\n\n*Must hold:* {campaign.line} "
        f"Whole: {campaign.size:,} {campaign.unit}; {small}.\n\n"
        f"{start}\n{result}\n{end}\n"
    )


def kept_result(document: str, campaign: Campaign) -> str:
    """What the document says of the last time."""
    start, end = map(re.escape, _marks(campaign))
    found = re.search(f"{start}\n(.*?)\n{end}", document, re.DOTALL)
    return found[1] if found else NOT_RUN


def _marks(campaign: Campaign) -> tuple[str, str]:
    return f"<!-- {campaign.name} -->", f"<!-- end of {campaign.name} -->"
