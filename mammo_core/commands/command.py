"""What a command of `mammo` is: its name, its arguments, what it does; and how it speaks.

Results go to stdout, where a script reads them; what is said meanwhile goes to stderr.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mammo_core.errors import RunError

if TYPE_CHECKING:
    from mammo_core.runs.folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`run` does the work and returns the exit code; it imports what is slow only when called."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def at_least(least: int) -> Callable[[str], int]:
    """For the `type` of an argument: a whole number that is not below `least`."""

    def whole(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is too low; it must be at least {least}")
        return number

    whole.__name__ = "whole number"  # argparse names it of what is no number
    return whole


def say(line: object) -> None:
    """A result."""
    print(printable(str(line)), flush=True)


def say_aside(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def note_look(*runs: "RunFolder", by: str) -> None:
    """Test results of `runs` are about to be told. Where a folder can only be read, that they were
    looked at is not kept, and this is said.
    """
    from mammo_core.runs.operating_points import note_opening

    for run in runs:
        try:
            note_opening(run, by=by, now=datetime.now(UTC).isoformat(timespec="seconds"))
        except RunError as error:
            say_aside(str(error))


def show_progress(done: int, total: int, message: str) -> None:
    """One line on stderr that changes until all is done; nothing where no terminal shows it."""
    if not sys.stderr.isatty():
        return
    print(f"\r{message:<60}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Without what plays tricks on a terminal: names of files and cards may come from anyone."""
    return "".join(c if c.isprintable() else "?" for c in text)
