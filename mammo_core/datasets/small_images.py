"""Every image of a data set small: grey levels, pixels of the breast, pictures for the page; kept
until a file they were made from changes.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.errors import ReadError, RunError
from mammo_core.files import cache_root, replace_file
from mammo_core.preprocessing.judge import reduced
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.types import Box, Pixels

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
GREY: Final = ("grey_mean", "grey_std", "grey_black", *(f"grey_q{q:.2f}" for q in QUANTILES))
_BLACK: Final = 0.02


def grey_levels(small: Pixels) -> dict[str, float]:
    """The numbers named in GREY of a reduced image."""
    quantiles = np.quantile(small, QUANTILES)
    values = (small.mean(), small.std(), (small < _BLACK).mean(), *quantiles)
    return {name: float(value) for name, value in zip(GREY, values, strict=True)}


def thumbnail(root: Path, path: str, *, side: int) -> bytes | None:
    """A JPEG whose longer side is `side` pixels; None where the image cannot be read, or is a
    link that leads out of `root`.
    """
    try:
        pixels = read_mammogram(root / path, inside=root).pixels
    except ReadError:
        return None
    return small_jpeg(pixels, side=side)


def small_jpeg(pixels: Pixels, *, side: int) -> bytes:
    """`pixels` of 0 to 1 as a JPEG whose longer side is `side`."""
    scale = side / max(pixels.shape)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.rint(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", small)
    return bytes(data)


def kept_thumbnail(root: Path, path: str, *, side: int) -> bytes | None:
    """`thumbnail`, kept on disk until the file changes."""
    file = root / path
    place = cache_root() / "thumbnails" / str(side) / f"{state_of([file])}.jpg"
    if place.exists():
        return place.read_bytes()
    made = thumbnail(root, path, side=side)
    if made is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, made)
    return made


def boxes_of(boxes: pd.DataFrame, image_id: str) -> tuple[Box, ...]:
    """The boxes of one image."""
    corners = boxes.loc[boxes["image_id"] == image_id, ["x0", "y0", "x1", "y1"]]
    return tuple(
        Box(x0=float(x0), y0=float(y0), x1=float(x1), y1=float(y1))
        for x0, y0, x1, y1 in corners.to_numpy(dtype=np.float64)
    )


def remembered(name: str, files: Sequence[Path], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """What `make` returned for these very files before, else what it returns now. All text."""
    path = cache_root() / "tables" / f"{name}-{state_of(files)}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, make().to_csv(index=False, lineterminator="\n"))
    return pd.read_csv(path, dtype="string")


def state_of(files: Sequence[Path]) -> str:
    """Names, sizes and times of `files` as a key: another one as soon as a file changes."""
    state = hashlib.sha256()
    for path in files:
        found = path.stat() if path.exists() else None
        told = f"{found.st_size}\0{found.st_mtime_ns}" if found else "not there"
        state.update(f"{path}\0{told}\0".encode())
    return state.hexdigest()[:32]


SIDE: Final = 256  # pixels
_THREADS: Final = 8  # at most: each holds an image at full size
_PREPARE: Final = PrepareSettings(size=(SIDE, SIDE), fit="stretch", mean=(0.0,), std=(1.0,))
_ROW: Final = np.dtype([("grey", "<f4", len(GREY)), ("pixels", "u1", SIDE * SIDE)])
_VERSION: Final = 2  # to be raised when an image would be read or cropped otherwise


def small_images(
    files: Sequence[Path],
    *,
    inside: Path,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> NDArray[np.void]:
    """A row of `grey` and `pixels` per file of the data set `inside`; grey is not a number where a
    file cannot be read.

    Each file's row is kept by itself: another split, task or fold of the same images reads none of
    them again.
    """
    rows = np.zeros(len(files), dtype=_ROW)
    places = [_place_of(file) for file in files]
    missing = []
    for number, place in enumerate(places):
        kept = _kept_at(place)
        if kept is None:
            missing.append(number)
        else:
            rows[number] = kept

    def read(number: int) -> None:
        if not should_stop():
            _read(files[number], rows[number], inside)
            places[number].parent.mkdir(parents=True, exist_ok=True)
            replace_file(places[number], rows[number].tobytes())

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        for done, _ in enumerate(pool.map(read, missing), start=len(files) - len(missing) + 1):
            report(done, len(files))
    if should_stop():
        raise RunError("Stopped on request before all images were read; no baseline was fitted.")
    return rows


def _place_of(file: Path) -> Path:
    """Where the row of `file`, as it lies there now, is kept."""
    state = state_of([file])
    return cache_root() / "small" / str(_VERSION) / state[:2] / state


def _kept_at(place: Path) -> np.void | None:
    """The row that lies there; None where none does, or half of one."""
    try:
        kept = np.fromfile(place, dtype=_ROW)
    except FileNotFoundError:
        return None
    return kept[0] if len(kept) == 1 else None


def _read(file: Path, row: np.void, inside: Path) -> None:
    try:
        mammogram = read_mammogram(file, inside=inside)
        pixels = prepare(mammogram, _PREPARE).pixels[0]
    except ReadError:
        row["grey"] = np.nan
        return
    row["grey"] = list(grey_levels(reduced(mammogram.pixels)).values())
    row["pixels"] = np.rint(pixels.ravel() * 255)
