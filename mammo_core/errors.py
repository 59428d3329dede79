"""The errors a user can cause or fix.

* MammoError
  - ReadError         a file is not a mammogram we can read
  - TableError        a manifest, boxes or predictions table breaks its contract
  - ConfigError       a run's settings cannot work
  - UnknownNameError  a name is not in a catalog
  - RunError          a run cannot be started, stopped or read
  - CheckpointError   a checkpoint is broken, foreign or newer than this program
  - PlaceError        a cluster does not answer, or cannot do the work
  - ArchiveError      an archive does not answer, or not with what was asked for
    - ArchiveAwayError  and would answer nothing else either, now
  - DiskError         nothing more can be written: the disk is full, or may not be written to

Pages and the command line catch MammoError and show its text; any other exception is a bug and is
left to crash loudly. A message says what is wrong with which thing, what was found, what to do.
"""

from collections.abc import Iterable


class MammoError(Exception):
    """Base of every error whose text is written for the researcher at the screen."""


class ReadError(MammoError):
    """A file is not a mammogram this workbench reads: a stable code, a sentence, and a hint."""

    def __init__(self, code: str, sentence: str, hint: str = "") -> None:
        super().__init__(f"{sentence} {hint}".strip())
        self.code = code
        self.sentence = sentence
        self.hint = hint


class TableError(MammoError):
    """A manifest, boxes or predictions table breaks its column contract."""


class ConfigError(MammoError):
    """The settings of a run contradict each other or the machine."""


class RunError(MammoError):
    """A run cannot be started, stopped or read."""


class CheckpointError(MammoError):
    """A checkpoint cannot be used: broken, foreign, or written by a newer program."""


class PlaceError(MammoError):
    """A cluster does not answer, or cannot do the work it was given."""


class ArchiveError(MammoError):
    """An archive does not answer, or not with what was asked for."""


class ArchiveAwayError(ArchiveError):
    """The archive cannot be asked for anything at all, now."""


class DiskError(MammoError, OSError):
    """Nothing more can be written: the disk is full, or may not be written to."""

    is_foreseen = True  # where it was met; else how it came about is worth a line in a log


class UnknownNameError(MammoError):
    """A name is not in its catalog; the message lists the names that are. `kind` is one of them, or
    `is_plural` several.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, is_plural: bool = False
    ) -> None:
        there = "There are" if is_plural else "There is"
        super().__init__(f"{there} no {kind} named {name!r}. Known: {', '.join(sorted(known))}.")
