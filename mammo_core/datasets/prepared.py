"""All images of a data set prepared into the cache, and where their boxes lie in them."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.config import PrepareSettings
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.small_images import boxes_of, remembered
from mammo_core.errors import ConfigError
from mammo_core.files import cache_root
from mammo_core.places.cluster import hands_on
from mammo_core.places.pieces import CHUNK, in_chunks
from mammo_core.preprocessing.cache import (
    Built,
    Cache,
    Plan,
    Unreadable,
    build_cache,
    build_missing,
    plan_build,
    version_of,
)
from mammo_core.preprocessing.prepare import place_box
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.types import Box, View

_NO_KEY: Final = bytes(32)  # ids made while reading are not kept here


def plan_preparing(dataset: Dataset, settings: PrepareSettings) -> Plan:
    """The images still missing, the room they would take, and the room there is."""
    return plan_build(_cache(settings, dataset), _files(dataset))


def prepare_dataset(
    dataset: Dataset,
    settings: PrepareSettings,
    *,
    processes: int,
    report: Callable[[int, int, str], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> Built:
    """Prepare every image that is not in the cache yet, on `processes` cores (0: all); on a
    cluster, on all of its.
    """
    return build_cache(
        _cache(settings, dataset),
        _files(dataset),
        processes=processes or os.cpu_count() or 1,
        report=lambda done, total: report(done, total, f"Preparing images: {done} of {total}"),
        should_stop=should_stop,
        inside=dataset.root,
        build=_build_on_cluster if hands_on() else None,
    )


def _build_on_cluster(
    cache: Cache,
    missing: Sequence[Path],
    *,
    processes: int,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool],
    inside: Path | None,
) -> Built:
    """In chunks, one to a core; what is in the cache is the finished piece of each."""
    chunks = (missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK))
    built, unreadable = 0, list[Unreadable]()
    report(0, len(missing))
    for part in in_chunks(_build_chunk, (cache, inside), chunks):
        built += part.built
        unreadable += part.unreadable
        report(built + len(unreadable), len(missing))
        if should_stop():
            break
    return Built(
        built=built,
        unreadable=tuple(sorted(unreadable, key=lambda problem: problem.file)),
        was_stopped=built + len(unreadable) < len(missing),
    )


def _build_chunk(common: tuple[Cache, Path | None], files: Sequence[Path]) -> Built:
    cache, inside = common
    return build_missing(cache, files, processes=1, report=lambda *_: None, inside=inside)


def in_words(built: Built) -> str:
    """The outcome as one sentence."""
    if built.was_stopped:
        return f"Stopped on request; the {built.built} images prepared so far stay in the cache."
    told = f"{built.built} images prepared."
    if built.unreadable:
        first = built.unreadable[0]
        told += (
            f" {len(built.unreadable)} cannot be read (first: {first.file.name}: {first.reason})"
        )
    return told


def _cache(settings: PrepareSettings, dataset: Dataset) -> Cache:
    problems = settings.check()
    if problems:
        raise ConfigError("\n".join(problems))
    return cache_of(settings, dataset.root, dataset.manifest)


def cache_of(settings: PrepareSettings, root: Path, rows: pd.DataFrame) -> Cache:
    """Where the images of `rows`, whose paths lie below `root`, are cached for a model."""
    if settings.fit != "window":
        return Cache(root=cache_root(), settings=settings)
    told = zip(rows["path"], rows["view"], strict=True)
    views = {root / str(path): View(view) for path, view in told if view in set(View)}
    return Cache(root=cache_root(), settings=settings, views=views)


def _files(dataset: Dataset) -> list[Path]:
    """Each once: in some collections several rows tell of one image."""
    return [dataset.root / str(path) for path in dataset.manifest["path"].drop_duplicates()]


def boxes_in_prepared(
    root: Path, boxes: pd.DataFrame, rows: pd.DataFrame, settings: PrepareSettings
) -> dict[str, list[Box]]:
    """The `boxes` of each image of `rows`, below `root`, in prepared pixels. How an image was laid
    out is not cached, so each is read once more, and what came of it remembered.
    """
    files = [root / str(path) for path in rows["path"]]
    views = cache_of(settings, root, rows).views
    marks = [boxes_of(boxes, str(source)) for source in rows["image_id"]]

    def make() -> pd.DataFrame:
        return pd.concat(
            [
                _laid_out(file, marked, reader, settings, inside=root, view=views.get(file)).assign(
                    source=source
                )
                for file, marked, source in zip(files, marks, rows["image_id"], strict=True)
            ],
            ignore_index=True,
        )

    reader = ReadingProcess()
    try:
        told = remembered(f"boxes-{_key(marks, settings)}", files, make)
    finally:
        reader.close()
    table = told.astype(dict.fromkeys(("x0", "y0", "x1", "y1"), "float64"))
    return {
        str(source): [
            Box(x0=x0, y0=y0, x1=x1, y1=y1)
            for x0, y0, x1, y1 in part[["x0", "y0", "x1", "y1"]].to_numpy().tolist()
        ]
        for source, part in table.groupby("source")
    }


def _laid_out(
    file: Path,
    boxes: Sequence[Box],
    reader: ReadingProcess,
    settings: PrepareSettings,
    *,
    inside: Path,
    view: View | None,
) -> pd.DataFrame:
    source = limits.read_source(file, inside=inside)
    geometry = reader.read_prepared(source, settings, key=_NO_KEY, view=view).geometry
    placed = [place_box(box, geometry) for box in boxes]
    return pd.DataFrame(
        [(box.x0, box.y0, box.x1, box.y1) for box in placed], columns=["x0", "y0", "x1", "y1"]
    )


def _key(marks: Sequence[Sequence[Box]], settings: PrepareSettings) -> str:
    corners = [[(box.x0, box.y0, box.x1, box.y1) for box in boxes] for boxes in marks]
    told = f"{version_of(settings)}{settings!r}{corners!r}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]
