"""What frozen fronts have said of images, kept for every run that would ask the same again.

<cache>/features/<front>/<look>/<segment>.f2     half-precision features, image after image
<cache>/features/<front>/<look>/<segment>.json   of which images, by their content; written last

`front` is a hash of the frozen weights and what they are fed, `look` of how an image was changed
before. Folds and seeds of one series share both, so each image is asked about once; a run that is
resumed asks for nothing again. The whole folder may be deleted at any time; beyond MOST_BYTES the
fronts that were used longest ago are removed before new ones are kept.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import RunError
from mammo_core.files import replace_file
from mammo_core.paths import cache_root
from mammo_core.preprocessing.cache import VERSION as LEVELS_VERSION
from mammo_core.records import to_document

#: Part of every key. Raise it when the same settings come to give other features.
VERSION: Final = 1
MOST_BYTES: Final = 20 * 2**30
_LEFT_FREE: Final = 2**30  # for the others on this disk
_KIND: Final = np.dtype("<f2")


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Kept features of some images, in their order. Memory is the system's concern."""

    segments: tuple[NDArray[np.float16], ...]
    places: NDArray[np.intp]  # (images, 2): which segment, and where in it

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.float16]:
        return np.stack([self.segments[s][place] for s, place in self.places[rows]])


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureStore:
    """The kept features of one front and one look."""

    folder: Path

    def missing(self, contents: Sequence[str]) -> NDArray[np.intp]:
        """The rows of `contents` nothing is kept of; of equal ones the first."""
        known = {content for names, _ in self._segments() for content in names}
        first = {content: row for row, content in reversed(list(enumerate(contents)))}
        rows = sorted(row for content, row in first.items() if content not in known)
        return np.array(rows, dtype=np.intp)

    def add(self, contents: Sequence[str], features: NDArray[np.float16]) -> None:
        """Keep one row of `features` for each of `contents`: all of them, or after a kill none."""
        name = secrets.token_hex(8)
        record = {"images": list(contents), "shape": features.shape}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self.folder / f"{name}.f2", features.astype(_KIND).tobytes())
            replace_file(self.folder / f"{name}.json", json.dumps(record))
        except OSError as error:
            raise RunError(
                f"Features cannot be kept in {self.folder}: {error.strerror}. What was kept stays; "
                "make room and resume, or set optim.cached_variants to 0."
            ) from error

    def open(self, contents: Sequence[str]) -> Kept:
        """What is kept of `contents`, all of which must be."""
        if self.folder.exists():
            self.folder.parent.touch()  # used now
        segments, found = list[NDArray[np.float16]](), dict[str, tuple[int, int]]()
        for names, features in self._segments():
            found |= {content: (len(segments), place) for place, content in enumerate(names)}
            segments.append(features)
        lacking = sum(content not in found for content in contents)
        if lacking:
            raise RunError(
                f"Features of {lacking} of {len(contents)} images are gone from {self.folder}. Was "
                "it emptied meanwhile, or is MAMMO_HOME not on a disk that all machines share?"
            )
        return Kept(
            segments=tuple(segments),
            places=np.array([found[content] for content in contents], dtype=np.intp),
        )

    def _segments(self) -> Iterable[tuple[list[str], NDArray[np.float16]]]:
        """Whole segments; half of one, left by a kill, has no record yet or too few bytes."""
        for file in sorted(self.folder.glob("*.json")):
            record = json.loads(file.read_text(encoding="utf-8"))
            path, shape = file.with_suffix(".f2"), tuple(record["shape"])
            if path.is_file() and path.stat().st_size == int(np.prod(shape)) * _KIND.itemsize:
                yield record["images"], np.memmap(path, dtype=_KIND, mode="r", shape=shape)


def features_root() -> Path:
    return cache_root() / "features"


def open_store(*, front: str, look: Any) -> FeatureStore:
    """The store of a front, by its hash, for a `look`: None is the image as it is."""
    document = {"version": VERSION, "levels": LEVELS_VERSION, "look": to_document(look)}
    key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
    return FeatureStore(folder=features_root() / front[:32] / key)


def make_room(needed: int, *, keep: str, most: int = MOST_BYTES) -> None:
    """See that `needed` more bytes fit beside the others; never at the cost of the front `keep`."""
    root = features_root()
    root.mkdir(parents=True, exist_ok=True)
    (root / keep[:32]).mkdir(exist_ok=True)
    (root / keep[:32]).touch()  # used now
    fronts = sorted(
        (folder for folder in root.iterdir() if folder.is_dir()),
        key=lambda folder: folder.stat().st_mtime,
    )
    sizes = {folder: _bytes_in(folder) for folder in fronts}
    used = sum(sizes.values())
    for folder in fronts:
        if used + needed > most and folder.name != keep[:32]:
            shutil.rmtree(folder, ignore_errors=True)
            used -= sizes[folder]
    free = shutil.disk_usage(root).free
    if needed + _LEFT_FREE > free:
        raise RunError(
            f"The features of the frozen part need {needed / 2**30:.1f} GB, but {root} has only "
            f"{free / 2**30:.1f} GB free. Free some, keep fewer looks (optim.cached_variants), or "
            "freeze more."
        )


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*/*.f2"))
