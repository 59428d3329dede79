"""Prepared images on disk: read and prepared once, then read back at the speed of memory.

<root>/<settings>/<ab>/<content>.u16   grey levels, row by row; .u8 of a source of 8 bits
<root>/sources/<ab>/<place>            which content the file at a place had when last seen

`settings` is a hash of what decides the levels, `content` that of the source file, `place` that of
its path, size and time of change. So a moved data set is not prepared again, and a changed file is.
Every file is written beside and renamed: a kill at any moment leaves whole files, and two builders
at once write the same bytes under the same names.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.errors import TableError
from mammo_core.files import replace_file
from mammo_core.preprocessing.intensity import Levels
from mammo_core.records import to_document

#: Part of every key. Raise it when reading or preparing comes to give other levels than before.
VERSION: Final = 1

_KINDS: Final[dict[str, np.dtype[Any]]] = {".u16": np.dtype("<u2"), ".u8": np.dtype("u1")}
_BYTE_TO_WORD: Final = 257  # 255 becomes 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """The prepared images below `root` for one way of preparing."""

    root: Path
    settings: PrepareSettings

    @property
    def folder(self) -> Path:
        return self.root / _settings_key(self.settings)

    def find(self, file: Path) -> Path | None:
        """Where the levels of the image in `file` lie; None where they are not cached."""
        try:
            content = self.content_of(file)
        except OSError:
            return None
        return self.find_content(content)

    def content_of(self, file: Path) -> str:
        """The SHA-256 of `file`, as it was when its levels were stored."""
        return self.place_of(file).read_text(encoding="ascii")

    def find_content(self, content: str) -> Path | None:
        height, width = self.settings.size
        for suffix, kind in _KINDS.items():
            path = self._levels_path(content, suffix)
            try:
                if path.stat().st_size == height * width * kind.itemsize:
                    return path
            except OSError:
                continue
        return None

    def store(self, content: str, levels: Levels) -> None:
        """Keep the levels of the source file whose SHA-256 is `content`."""
        suffix = ".u16" if levels.dtype == np.uint16 else ".u8"
        path = self._levels_path(content, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, levels.astype(_KINDS[suffix], copy=False).tobytes())

    def place_of(self, file: Path) -> Path:
        """Where it is kept what content `file`, as it lies there now, has."""
        state = file.stat()
        text = f"{file.absolute()}\0{state.st_size}\0{state.st_mtime_ns}"
        place = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return self.root / "sources" / place[:2] / place

    def remember(self, place: Path, content: str) -> None:
        """That what was at `place` has `content`. Called after `store`."""
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, content)

    def _levels_path(self, content: str, suffix: str) -> Path:
        return self.folder / content[:2] / f"{content}{suffix}"


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


def _settings_key(settings: PrepareSettings) -> str:
    """Mean, std and channels come after the cache, so they do not count."""
    plain = replace(settings, channels=1, mean=(0.0,), std=(1.0,))
    document = json.dumps({"version": VERSION, **to_document(plain)}, sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:16]


def _existing(folder: Path) -> Path:
    """`folder`, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
