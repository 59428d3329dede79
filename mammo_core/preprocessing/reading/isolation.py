"""Reading files in processes of their own, because decoders crash, hang and balloon on broken ones.

A reading process is started once and used for many files; a file it dies of is refused in words,
and the next file gets a fresh one. Safe to use from several threads.
"""

import atexit
import contextlib
import functools
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Final, TypeVar

import pandas as pd
import psutil

from mammo_core.config import PrepareSettings
from mammo_core.errors import ConfigError, ReadError
from mammo_core.files import REPOSITORY
from mammo_core.preprocessing.pixel_files import MOST_READERS, KeptImage
from mammo_core.preprocessing.prepare import PreparedGrey
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.preprocessing.reading.messages import (
    Peek,
    Reply,
    Request,
    receive,
    receive_cells,
    receive_evidence,
    receive_exam,
    receive_grey,
    receive_image,
    receive_kept,
    receive_peeks,
    receive_rows,
    send,
)
from mammo_core.types import Mammogram, View

Answer = TypeVar("Answer")

COMMAND: Final = (sys.executable, "-m", "mammo_core.preprocessing.reading.worker")

#: Linux limits the process itself (see worker.py); elsewhere its memory is watched from here.
WATCHED_BYTES: Final = None if sys.platform == "linux" else limits.WORKER_BYTES

#: What a process needs to start and to find its libraries and its scratch folder.
TOLD_VARIABLES: Final = (
    "PATH HOME USER LANG LANGUAGE TZ TMPDIR TEMP TMP LD_LIBRARY_PATH DYLD_LIBRARY_PATH SYSTEMROOT "
    "SYSTEMDRIVE WINDIR COMSPEC PATHEXT APPDATA LOCALAPPDATA USERPROFILE PROGRAMDATA VIRTUAL_ENV "
    "MALLOC_ARENA_MAX MALLOC_MMAP_MAX_ MALLOC_TRIM_THRESHOLD_ MAMMO_FOLLOW_LINKS"
)

_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_PIPE_BYTES: Final = limits.MEGABYTE


class ReadingProcess:
    """One process that reads one file at a time. Starts on first use."""

    def __init__(
        self,
        *,
        seconds: float = limits.WORKER_SECONDS,
        most_bytes: int | None = WATCHED_BYTES,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._files = 0
        self._bytes_at_start = 0

    @property
    def process_id(self) -> int | None:
        """The number of the process; None while there is none."""
        return self._process.pid if self._process else None

    def read(self, source: Path | bytes, *, key: bytes, image_id: str | None = None) -> Mammogram:
        """Read one file; whatever it does to the process becomes a ReadError."""
        return self._ask(source, Request(key=key.hex(), image_id=image_id), receive_image)

    def keep(self, source: bytes, stem: Path, *, key: bytes) -> KeptImage:
        """Read one file, mask it, and write its pixels to files that begin with `stem`: none of
        them comes back.
        """
        request = Request(key=key.hex(), stem=str(stem.absolute()))
        return self._ask(source, request, receive_kept, seconds=limits.KEEP_SECONDS)

    def read_prepared(
        self,
        source: Path | bytes,
        settings: PrepareSettings,
        *,
        key: bytes,
        view: View | None = None,
    ) -> PreparedGrey:
        """Read and prepare one file: far fewer bytes come back than of the whole image. Where a
        `view` is given, it is of that, whatever the file says.
        """
        return self._ask(source, Request(key=key.hex(), settings=settings, view=view), receive_grey)

    def read_evidence(self, source: bytes) -> Evidence:
        """Whose image one file is; nothing of it stays in the process."""
        return self._ask(source, Request(key="", is_for_evidence=True), receive_evidence)

    def read_exam(self, head: bytes) -> str:
        """Which exam the file that begins so is of; a header takes no time."""
        seconds = min(self._seconds, limits.HEADER_SECONDS)
        return self._ask(head, Request(key="", is_for_exam=True), receive_exam, seconds=seconds)

    def read_peeks(self, paths: Sequence[Path]) -> tuple[Peek | None, ...]:
        """What the headers of files say; None for one that is no image, or that the process dies
        of. Several are asked at once: one alone takes as long to ask for as to read.
        """
        asked = Request(key="", peeked=tuple(str(path.absolute()) for path in paths))
        seconds = limits.HEADER_SECONDS if len(paths) == 1 else self._seconds
        try:
            found = self._ask(b"", asked, receive_peeks, seconds=seconds)
        except ReadError:
            if len(paths) == 1:
                return (None,)
            return tuple(one for path in paths for one in self.read_peeks([path]))
        return (*found, *[None] * (len(paths) - len(found)))

    def read_sheet(self, path: Path, sheet: str) -> list[tuple[str, ...]]:
        """A sheet of a workbook, the first where `sheet` is ""."""
        return self._ask(path, Request(key="", sheet=sheet), receive_rows)

    def read_cells(self, source: bytes) -> pd.DataFrame:
        """The cells of a CSV."""
        asked = Request(key="", is_table=True)
        return self._ask(source, asked, receive_cells, seconds=limits.TABLE_SECONDS)

    def _ask(
        self,
        source: Path | bytes,
        request: Request,
        answer: Callable[[IO[bytes]], Answer],
        *,
        seconds: float | None = None,
    ) -> Answer:
        try:
            return self._ask_once(source, request, answer, seconds=seconds)
        except ReadError as error:
            if error.code != "decoder_died":
                raise
        # Somebody may have killed it from outside; only a file that kills it again is to blame.
        return self._ask_once(source, request, answer, seconds=seconds)

    def _ask_once(
        self,
        source: Path | bytes,
        request: Request,
        answer: Callable[[IO[bytes]], Answer],
        *,
        seconds: float | None,
    ) -> Answer:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # ended by someone else; not the fault of this file
        process = self._process or self._start()
        with Watch(process, seconds or self._seconds, self._most_bytes) as watch:
            try:
                _send_source(_stream(process.stdin), source, request)
                return answer(_stream(process.stdout))
            except (EOFError, BrokenPipeError, ValueError, RecursionError, ConfigError):
                # It is gone, or what it sends is no message: a hostile file may have taken it over.
                self.close()
                raise _reason(watch) from None
            finally:
                self._recycle()

    def close(self) -> None:
        """End the process; the next file starts a fresh one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=told_environment(),
        )
        self._process = process
        _widen(process.stdin)
        _widen(process.stdout)
        with Watch(process, _START_SECONDS, self._most_bytes):
            try:
                receive(_stream(process.stdout), Reply)
            except EOFError:
                self.close()
                raise ReadError(
                    "no_reader",
                    "The process that reads files did not start.",
                    "Is the program installed completely, and is there memory left?",
                ) from None
        self._files = 0
        self._bytes_at_start = _resident_bytes(process)
        return process

    def _recycle(self) -> None:
        """A fresh process after many files, or when this one has grown: decoders leak."""
        if self._process is None:
            return
        self._files += 1
        growth = _resident_bytes(self._process) - self._bytes_at_start
        if self._files >= limits.WORKER_FILES or growth > limits.WORKER_GROWTH_BYTES:
            self.close()


class ReadingPool:
    """A few reading processes for many threads; the one used last is used first."""

    def __init__(self, size: int) -> None:
        self._processes = [ReadingProcess() for _ in range(size)]
        self._idle: queue.LifoQueue[ReadingProcess] = queue.LifoQueue()
        for process in self._processes:
            self._idle.put(process)

    def read(self, source: Path | bytes, *, key: bytes, image_id: str | None) -> Mammogram:
        with self._one() as process:
            return process.read(source, key=key, image_id=image_id)

    def keep(self, source: bytes, stem: Path, *, key: bytes) -> KeptImage:
        with self._one() as process:
            return process.keep(source, stem, key=key)

    def read_evidence(self, source: bytes) -> Evidence:
        with self._one() as process:
            return process.read_evidence(source)

    def read_exam(self, head: bytes) -> str:
        with self._one() as process:
            return process.read_exam(head)

    def read_peeks(self, paths: Sequence[Path]) -> tuple[Peek | None, ...]:
        with self._one() as process:
            return process.read_peeks(paths)

    def read_sheet(self, path: Path, sheet: str) -> list[tuple[str, ...]]:
        with self._one() as process:
            return process.read_sheet(path, sheet)

    def read_cells(self, source: bytes) -> pd.DataFrame:
        with self._one() as process:
            return process.read_cells(source)

    @contextlib.contextmanager
    def _one(self) -> Iterator[ReadingProcess]:
        process = self._idle.get()
        try:
            yield process
        finally:
            self._idle.put(process)

    def close(self) -> None:
        for process in self._processes:
            process.close()


@functools.cache
def shared_pool() -> ReadingPool:
    """The reading processes of this program. They end with it."""
    pool = ReadingPool(MOST_READERS)
    atexit.register(pool.close)
    return pool


if hasattr(os, "register_at_fork"):  # a fork must not talk through its parent's pipes
    os.register_at_fork(after_in_child=shared_pool.cache_clear)


class Watch:
    """Kills a process that takes too long or, where the system has no such limit, too much memory.

    Signals do not interrupt native code, so the clock is kept here and not in the process.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], seconds: float, most_bytes: int | None
    ) -> None:
        self._process = process
        self.seconds = seconds
        self.most_bytes = most_bytes
        self.killed_for = ""  # "time" or "memory"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        deadline = time.monotonic() + self.seconds
        most = self.most_bytes
        while (left := deadline - time.monotonic()) > 0:
            if self._done.wait(left if most is None else min(left, _POLL_SECONDS)):
                return
            if most is not None and _resident_bytes(self._process) > most:
                self._kill("memory")
                return
        self._kill("time")

    def _kill(self, reason: str) -> None:
        self.killed_for = reason
        self._process.kill()


def _reason(watch: Watch) -> ReadError:
    """Why the process is gone that `watch` looked after."""
    hint = "It is broken or hostile; export it again from where it came."
    if watch.killed_for == "time":
        return ReadError(
            "too_slow",
            f"This file took more than {watch.seconds:.0f} seconds to decode and was stopped.",
            hint,
        )
    if watch.killed_for == "memory":
        return ReadError(
            "too_large",
            f"This file took more than {(watch.most_bytes or 0) // limits.MEGABYTE} MB to "
            "decode and was stopped.",
            hint,
        )
    return ReadError("decoder_died", "The decoder died of this file.", hint)


def _send_source(requests: IO[bytes], source: Path | bytes, request: Request) -> None:
    if isinstance(source, Path):
        send(requests, replace(request, path=str(source.absolute())))
        return
    size = len(source)
    length = size if size <= limits.FILE_BYTES else limits.HEAD_BYTES
    send(requests, replace(request, length=length, size=size))
    content = memoryview(source)[:length]
    while content:
        content = content[requests.write(content) :]


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("The reading process was started without pipes.")
    return stream


def told_environment() -> dict[str, str]:
    """The process finds this very package, native libraries keep to one thread, and of all else
    it gets what a process needs to start: passwords of archives may stand in the rest.
    """
    inherited = os.environ.get("PYTHONPATH")
    return {
        **{name: value for name, value in os.environ.items() if _may_be_told(name)},
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *([inherited] if inherited else [])]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _may_be_told(variable: str) -> bool:
    return variable.upper() in TOLD_VARIABLES.split() or variable.startswith(("LC_", "PYTHON"))


def _resident_bytes(process: subprocess.Popen[bytes]) -> int:
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:
        return 0


def _widen(stream: IO[bytes] | None) -> None:
    """A larger pipe means fewer switches between the two processes."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(_stream(stream), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
