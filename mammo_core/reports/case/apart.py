"""Exports of a read case, each made by a process of its own: neither their memory nor their
processor time is the server's, and one that comes to nothing is a sentence.

`python -m mammo_core.reports.case.apart` is that process. It is told the case as a line of JSON and
the arrays after it, answers with the file, and ends. Nothing is unpickled, and nothing is written.
"""

import contextlib
import faulthandler
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import MammoError
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.preprocessing.reading.isolation import Watch, told_environment
from mammo_core.preprocessing.reading.limits import (
    EXPORTS_AT_ONCE,
    EXPORTS_WAITING,
    limit_memory,
)
from mammo_core.preprocessing.reading.messages import private_output, receive_bytes
from mammo_core.records import from_document, to_document
from mammo_core.reports.case.html import to_html
from mammo_core.reports.case.picture import Appearance, pictures
from mammo_core.reports.case.record import Pseudonyms, ReadCase, to_zip

COMMAND: Final = (sys.executable, "-m", "mammo_core.reports.case.apart")
MOST_BYTES: Final = 3 * 2**30  # address space where the system can limit it
SECONDS: Final = 120.0
TURN_SECONDS: Final = 55.0  # and then `SECONDS`: after 180 a browser gives a download up

_TURNS: Final = threading.BoundedSemaphore(EXPORTS_AT_ONCE)
_PLACES: Final = threading.BoundedSemaphore(
    EXPORTS_AT_ONCE + EXPORTS_WAITING
)  # each holds a thread
_WATCHED_BYTES: Final = None if sys.platform == "linux" else MOST_BYTES
_SAID: Final = 73  # the exit status where the answer is no file but a sentence
_NICE: Final = 2  # whoever looks at a page comes first
_GIGABYTES: Final = f"{MOST_BYTES // 2**30} GB"
_ARRAY: Final = "__array__"
_TIME: Final = "__time__"


class Export(StrEnum):
    PAGE = "page"
    PICTURES = "pictures"
    DICOM = "dicom"
    IDENTIFIED = "identified"  # DICOM with the identity of the original files
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WantedExport:
    export: Export
    case: ReadCase
    look: Appearance
    key: str  # of the pseudonyms, in hexadecimal digits
    originals: dict[str, Evidence] = field(default_factory=dict)  # for one with identity

    @property
    def name(self) -> str:
        """Of the folder in the zip."""
        return self.case.name + "_with_identity" * (self.export is Export.IDENTIFIED)


def make_export(wanted: WantedExport) -> bytes:
    """The file, made here."""
    case, look = wanted.case, wanted.look
    pseudonyms = Pseudonyms(key=bytes.fromhex(wanted.key), case_id=case.case_id)
    if wanted.export is Export.PAGE:
        return to_html(case, pseudonyms, look).encode()
    if wanted.export is Export.PICTURES:
        return to_zip(pictures(case, look), folder=wanted.name)
    from mammo_core.reports.case.archive import case_zip, identified_dicom, pseudonymous_dicom

    if wanted.export is Export.EVERYTHING:
        return case_zip(case, look, pseudonyms)
    if wanted.export is Export.DICOM:
        return to_zip(pseudonymous_dicom(case, look, pseudonyms), folder=wanted.name)
    made = identified_dicom(case, look, pseudonyms, wanted.originals)
    return to_zip(made, folder=wanted.name)


def make_apart(
    wanted: WantedExport,
    *,
    seconds: float = SECONDS,
    turn_seconds: float = TURN_SECONDS,
    command: Sequence[str] = COMMAND,
) -> bytes:
    """The file, made by a process of its own; of this program never more than two at once."""
    if not _PLACES.acquire(blocking=False):
        raise MammoError("Several other exports are waiting already. Try again in a minute.")
    try:
        if not _TURNS.acquire(timeout=turn_seconds):
            raise MammoError("Two other exports are still being made. Try again in a minute.")
        try:
            return _made(wanted, seconds, command)
        finally:
            _TURNS.release()
    finally:
        _PLACES.release()


def _made(wanted: WantedExport, seconds: float, command: Sequence[str]) -> bytes:
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=told_environment()
        ) as process,
        Watch(process, seconds, _WATCHED_BYTES) as watch,
    ):
        answer = _asked(process, wanted)
        status = process.wait()
    if status == 0:
        return answer
    if status == _SAID and answer:
        raise MammoError(answer.decode())
    raise MammoError(_end_in_words(watch, status))


def _asked(process: "subprocess.Popen[bytes]", wanted: WantedExport) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("The process that makes an export was started without pipes.")
    with contextlib.suppress(OSError):  # it is gone; its exit status tells more
        _tell(process.stdin, wanted)
    return process.stdout.read()


def _end_in_words(watch: Watch, status: int) -> str:
    if watch.killed_for == "time":
        return (
            f"The export took more than {watch.seconds:.0f} seconds and was stopped. Try again, or "
            "take its parts one by one."
        )
    if watch.killed_for == "memory":
        return _TOO_LARGE
    if status < 0:
        return (
            f"The export was stopped (signal {-status}), probably for lack of memory. Try again "
            "later, or take its parts one by one."
        )
    return f"The export was not made: its process ended with exit status {status}. See the log."


_TOO_LARGE: Final = (
    f"The export needs more than {_GIGABYTES} of memory and was stopped. Take its parts one by one."
)


def _tell(stream: IO[bytes], wanted: WantedExport) -> None:
    aside: list[NDArray[Any]] = []
    document = json.dumps(to_document(wanted), default=partial(_plain, aside=aside))
    with stream:
        stream.write(document.encode() + b"\n")
        for array in aside:
            stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _plain(value: Any, aside: list[NDArray[Any]]) -> Any:
    """In JSON, what it has no word for; an array's numbers go aside."""
    if isinstance(value, np.ndarray):
        aside.append(value)
        return {_ARRAY: [value.dtype.str, list(value.shape)]}
    if isinstance(value, datetime):
        return {_TIME: value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be told to another process.")


def _told(stream: IO[bytes]) -> WantedExport:
    document = json.loads(stream.readline(), object_hook=partial(_rich, stream=stream))
    return from_document(document, WantedExport, where="an export")


def _rich(found: dict[str, Any], stream: IO[bytes]) -> Any:
    """The way back: arrays come in the order in which they are named."""
    if _ARRAY in found:
        dtype, shape = np.dtype(found[_ARRAY][0]), tuple(found[_ARRAY][1])
        content = receive_bytes(stream, dtype.itemsize * int(np.prod(shape)))
        return np.frombuffer(content, dtype).reshape(shape).copy()
    return datetime.fromisoformat(found[_TIME]) if _TIME in found else found


def main(*, most_bytes: int = MOST_BYTES) -> int:
    answers = private_output()
    limit_memory(most_bytes)
    if hasattr(os, "nice"):
        os.nice(_NICE)
    with Path(os.devnull).open("w") as nowhere, answers:
        # Should the program that started us be gone, nobody else ends us.
        faulthandler.dump_traceback_later(2 * SECONDS, exit=True, file=nowhere)
        try:
            answer, status = make_export(_told(sys.stdin.buffer)), 0
        except MammoError as error:
            answer, status = str(error).encode(), _SAID
        except (MemoryError, cv2.error) as error:
            if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
                raise
            answer, status = _TOO_LARGE.encode(), _SAID
        answers.write(answer)
    return status


if __name__ == "__main__":
    sys.exit(main())
