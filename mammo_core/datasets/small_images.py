"""Every image of a data set small, kept: ten grey levels, and 256 x 256 pixels of the breast.

They do not depend on a split, so folds and seeds read the images once.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.datasets.grey import GREY, grey_levels, reduced
from mammo_core.datasets.remembered import state_of
from mammo_core.errors import ReadError, RunError
from mammo_core.paths import cache_root
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.read import read_mammogram

SIDE: Final = 256  # pixels
_THREADS: Final = 8  # at most: each holds an image at full size
_PREPARE: Final = PrepareSettings(size=(SIDE, SIDE), fit="stretch", mean=(0.0,), std=(1.0,))
_ROW: Final = np.dtype([("grey", "<f4", len(GREY)), ("pixels", "u1", SIDE * SIDE)])
_VERSION: Final = 1  # to be raised when an image would be read or cropped otherwise


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
