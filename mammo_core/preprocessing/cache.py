"""Prepared images on disk: read and prepared once by every core, then read back at the speed of
memory.
"""

import hashlib
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.errors import DiskError, ReadError, RunError, TableError
from mammo_core.files import place_of, replace_file
from mammo_core.preprocessing.intensity import Levels
from mammo_core.preprocessing.judge import unfit_of
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.records import to_document
from mammo_core.types import Unfit, View

#: Part of every key. Raise it when reading or preparing comes to give other levels than before.
VERSION: Final = 2
_AUTHORS_VERSION: Final = 2  # the same, of published models alone

_KINDS: Final[dict[str, np.dtype[Any]]] = {".u16": np.dtype("<u2"), ".u8": np.dtype("u1")}
_BYTE_TO_WORD: Final = 257  # 255 becomes 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """The prepared images below `root` for one way of preparing. `views` are what a data set says
    of its files, for a way that goes by the view: many pictures do not tell.
    """

    root: Path
    settings: PrepareSettings
    views: Mapping[Path, View] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / _settings_key(self.settings)

    def find(self, file: Path) -> Path | None:
        """Where the levels of the image in `file` lie; None where they are not cached."""
        try:
            content = self.content_of(file)
        except OSError:
            return None
        return self.find_content(content, self.views.get(file))

    def content_of(self, file: Path) -> str:
        """The SHA-256 of `file`, as it was when its levels were stored."""
        return self.place_of(file).read_text(encoding="ascii")

    def find_content(self, content: str, view: View | None = None) -> Path | None:
        height, width = self.settings.size
        for suffix, kind in _KINDS.items():
            path = self._levels_path(content, suffix, view)
            try:
                if path.stat().st_size == height * width * kind.itemsize:
                    return path
            except OSError:
                continue
        return None

    def store(self, content: str, levels: Levels, view: View | None = None) -> None:
        """Keep the levels of the source file whose SHA-256 is `content`, prepared as of `view`."""
        suffix = ".u16" if levels.dtype == np.uint16 else ".u8"
        path = self._levels_path(content, suffix, view)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, levels.astype(_KINDS[suffix], copy=False).tobytes())

    def place_of(self, file: Path) -> Path:
        """Where it is kept what content `file`, as it lies there now, has."""
        place = place_of(file)
        return self.root / "sources" / place[:2] / place

    def remember(self, place: Path, content: str) -> None:
        """That what was at `place` has `content`. Called after `store`."""
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, content)

    def _levels_path(self, content: str, suffix: str, view: View | None) -> Path:
        name = content if view is None else f"{content}-{view}"
        return self.folder / content[:2] / f"{name}{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What building would take."""

    files: int
    missing: tuple[Path, ...]
    most_bytes: int  # if every missing image has more than 8 bits
    free_bytes: int

    @property
    def is_possible(self) -> bool:
        return self.most_bytes + 2**30 <= self.free_bytes  # a gigabyte is left to the others


def plan_build(cache: Cache, files: Sequence[Path]) -> Plan:
    """Which of `files` are not cached yet, the room they may take, and the room there is."""
    missing = tuple(file for file in dict.fromkeys(files) if cache.find(file) is None)
    height, width = cache.settings.size
    return Plan(
        files=len(files),
        missing=missing,
        most_bytes=len(missing) * height * width * 2,
        free_bytes=shutil.disk_usage(_existing(cache.root)).free,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CachedImages:
    """Cached images in a fixed order. Nothing is held in memory but their paths."""

    paths: tuple[Path, ...]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Levels:
        """One image, mapped from disk: pixels are read when they are looked at."""
        path = self.paths[index]
        levels: Levels = np.memmap(path, dtype=_KINDS[path.suffix], mode="r", shape=self.size)
        return levels

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]:
        """The images at `rows`, (images, height, width), white at 65535 whatever the source."""
        images = np.empty((len(rows), *self.size), dtype=np.uint16)
        for image, row in zip(images, rows, strict=True):
            path = self.paths[int(row)]
            levels = np.fromfile(path, dtype=_KINDS[path.suffix]).reshape(self.size)
            if path.suffix == ".u8":
                np.multiply(levels, _BYTE_TO_WORD, out=image, dtype=np.uint16)
            else:
                image[:] = levels
        return images


def open_images(cache: Cache, files: Sequence[Path]) -> CachedImages:
    """The cached images of `files`, in their order; all must have been built."""
    found = [cache.find(file) for file in files]
    paths = tuple(path for path in found if path is not None)
    if len(paths) < len(files):
        first = files[found.index(None)].name
        raise TableError(
            f"{len(files) - len(paths)} of {len(files)} images are not in the cache "
            f"(first: {first}). Build it first, and leave out what cannot be read."
        )
    return CachedImages(paths=paths, size=cache.settings.size)


def version_of(settings: PrepareSettings) -> str:
    """Part of the key of whatever is made from levels that were prepared by `settings`."""
    return str(VERSION) if settings.authors is None else f"{VERSION}.{_AUTHORS_VERSION}"


def _settings_key(settings: PrepareSettings) -> str:
    """Mean, std and channels come after the cache, so they do not count."""
    plain = replace(settings, channels=1, mean=(0.0,), std=(1.0,))
    told = to_document(plain)
    if plain.authors is None:  # as keys were before there were published models
        told.pop("authors")
    else:
        told["authors_version"] = _AUTHORS_VERSION
    document = json.dumps({"version": VERSION, **told}, sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:16]


def _existing(folder: Path) -> Path:
    """`folder`, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


_NO_KEY: Final = bytes(32)  # ids made while reading are not kept here
_STALE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file that got no place in the cache, and why, in words; `unfit` where it could be read but
    is no mammogram.
    """

    file: Path
    reason: str
    unfit: Unfit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build came to. `was_stopped`: the rest was left for another time."""

    built: int
    unreadable: tuple[Unreadable, ...]
    was_stopped: bool


def build_cache(
    cache: Cache,
    files: Sequence[Path],
    *,
    processes: int,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
    inside: Path | None = None,
    build: "Builder | None" = None,
) -> Built:
    """Prepare what is missing of `files`; `report(done, total)` is called for every one.

    One file that cannot be read does not stop the others. No more than one image a process is held
    in memory. Builders that work at the same time share the work: each takes its own random order.
    No link is followed out of the folder `inside`, where one is given. `build` is what prepares
    them, `build_missing` where none is given.
    """
    plan = plan_build(cache, files)
    if not plan.is_possible:
        raise RunError(
            f"The cache needs up to {plan.most_bytes / 2**30:.1f} GB, but {cache.root} has only "
            f"{plan.free_bytes / 2**30:.1f} GB free. Free some, or prepare smaller images."
        )
    _sweep(cache.root)
    had = plan.files - len(plan.missing)
    return (build or build_missing)(
        cache,
        plan.missing,
        processes=processes,
        report=lambda done, _: report(had + done, plan.files),
        should_stop=should_stop,
        inside=inside,
    )


class Builder(Protocol):
    """As `build_missing`."""

    def __call__(
        self,
        cache: Cache,
        missing: Sequence[Path],
        *,
        processes: int,
        report: Callable[[int, int], None],
        should_stop: Callable[[], bool],
        inside: Path | None,
    ) -> Built: ...


def build_missing(
    cache: Cache,
    missing: Sequence[Path],
    *,
    processes: int,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
    inside: Path | None = None,
) -> Built:
    """Prepare all of `missing`, on so many cores of this computer."""
    order = list(missing)
    random.Random(os.getpid()).shuffle(order)
    waiting, done = iter(order), 0
    unreadable: list[Unreadable] = []
    report(done, len(order))
    readers = [ReadingProcess() for _ in range(max(1, processes))]
    idle, running = readers.copy(), dict[Future[Unreadable | None], ReadingProcess]()
    try:
        with ThreadPoolExecutor(len(readers)) as pool:
            while True:
                while idle and not should_stop() and (file := next(waiting, None)):
                    reader = idle.pop()
                    running[pool.submit(_prepare_one, cache, file, reader, inside)] = reader
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    idle.append(running.pop(future))
                    if problem := future.result():
                        unreadable.append(problem)
                    done += 1
                    report(done, len(order))
    finally:
        for reader in readers:
            reader.close()
    return Built(
        built=done - len(unreadable),
        unreadable=tuple(sorted(unreadable, key=lambda problem: problem.file)),
        was_stopped=done < len(order),
    )


def _prepare_one(
    cache: Cache, file: Path, reader: ReadingProcess, inside: Path | None
) -> Unreadable | None:
    try:
        if file.stat().st_size > limits.FILE_BYTES:
            raise limits.too_large(file.stat().st_size)
        place = cache.place_of(file)  # before the bytes: a file changed meanwhile is read again
        source = limits.read_source(file, inside=inside)
    except OSError as error:
        return Unreadable(file=file, reason=f"This file cannot be opened: {error.strerror}.")
    except ReadError as error:
        return Unreadable(file=file, reason=str(error))
    content, view = hashlib.sha256(source).hexdigest(), cache.views.get(file)
    try:
        if cache.find_content(content, view) is None:
            grey = reader.read_prepared(source, cache.settings, key=_NO_KEY, view=view)
            cache.store(content, grey.levels, view)
        cache.remember(place, content)
    except ReadError as error:
        return Unreadable(file=file, reason=str(error), unfit=unfit_of(error))
    except DiskError:
        raise  # it says what to do, and not where
    except OSError as error:
        raise RunError(
            f"The cache at {cache.root} cannot be written: {error.strerror}. What was built stays; "
            "make room and start again."
        ) from error
    return None


def _sweep(root: Path) -> None:
    """Halves that a killed builder left behind; fresh ones may belong to another that lives."""
    for scratch in root.glob("*/*/.*.tmp"):
        try:
            if time.time() - scratch.stat().st_mtime > _STALE_SECONDS:
                scratch.unlink()
        except FileNotFoundError:
            continue  # swept by another builder
