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
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.errors import ReadError, RunError
from mammo_core.files import cache_root, replace_file
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.types import Box, Pixels

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
GREY: Final = ("grey_mean", "grey_std", "grey_black", *(f"grey_q{q:.2f}" for q in QUANTILES))
_SMALL: Final = 128  # pixels
_BLACK: Final = 0.02


def reduced(pixels: Pixels) -> Pixels:
    """The image at 128 x 128 pixels, its shape given up: grey levels need none."""
    small = cv2.resize(pixels, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def grey_levels(small: Pixels) -> dict[str, float]:
    """The numbers named in GREY of a reduced image."""
    quantiles = np.quantile(small, QUANTILES)
    values = (small.mean(), small.std(), (small < _BLACK).mean(), *quantiles)
    return {name: float(value) for name, value in zip(GREY, values, strict=True)}


_AMBER: Final = (0, 159, 230)  # blue, green, red


def thumbnail(root: Path, path: str, *, side: int, boxes: Sequence[Box] = ()) -> bytes | None:
    """A JPEG whose longer side is `side` pixels; None where the image cannot be read."""
    try:
        pixels = read_mammogram(root / path).pixels
    except ReadError:
        return None
    scale = side / max(pixels.shape)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.rint(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    drawn = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    for box in boxes:
        corners = [round(value * scale) for value in (box.x0, box.y0, box.x1, box.y1)]
        cv2.rectangle(drawn, corners[:2], corners[2:], _AMBER, 1)
    _, data = cv2.imencode(".jpg", drawn)
    return bytes(data)


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
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> NDArray[np.void]:
    """A row of `grey` and `pixels` per file; grey is not a number where a file cannot be read."""
    folder = cache_root() / "small"
    path = folder / f"{state_of(files)}-{_VERSION}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / f".{path.name}.{os.getpid()}.tmp"
        try:
            _read(files, scratch, report=report, should_stop=should_stop)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    kept: NDArray[np.void] = open_memmap(path, mode="r")
    return kept


def _read(
    files: Sequence[Path],
    path: Path,
    *,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> None:
    rows = open_memmap(path, mode="w+", dtype=_ROW, shape=(len(files),))

    def read(number: int) -> None:
        if should_stop():
            return
        try:
            mammogram = read_mammogram(files[number])
            pixels = prepare(mammogram, _PREPARE).pixels[0]
        except ReadError:
            rows["grey"][number] = np.nan
            return
        rows["grey"][number] = list(grey_levels(reduced(mammogram.pixels)).values())
        rows["pixels"][number] = np.rint(pixels.ravel() * 255)

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        for done, _ in enumerate(pool.map(read, range(len(files))), start=1):
            report(done, len(files))
    if should_stop():
        raise RunError("Stopped on request before all images were read; no baseline was fitted.")
    rows.flush()
