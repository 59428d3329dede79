"""How fast the cache is built and read, beside a plain loop of pydicom and OpenCV, in one run.

python -m benchmarks.cache [IMAGES]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import psutil
import pydicom

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.cache import Cache, build_cache, open_images
from tests.preprocessing.dicom_files import encoded_file

ROWS, COLUMNS = 4096, 3328
SETTINGS: Final = PrepareSettings(size=(1536, 768))
SYNTAXES: Final = {
    "uncompressed": "1.2.840.10008.1.2.1",
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG 2000 lossless": "1.2.840.10008.1.2.4.90",
}


def write_files(folder: Path, syntax: str, count: int) -> list[Path]:
    """Breasts of soft texture in 12 bits; each differs from the last in one pixel."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    is_breast = ((y / ROWS - 0.5) / 0.45) ** 2 + (x / COLUMNS / 0.8) ** 2 < 1
    small = np.random.default_rng(0).normal(0, 1, (ROWS // 16, COLUMNS // 16)).astype(np.float32)
    soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.0), (COLUMNS, ROWS))
    noise = np.random.default_rng(1).normal(0, 12, (ROWS, COLUMNS))
    pixels = np.where(is_breast, np.clip(1800 + 1500 * soft + noise, 200, 4095), 0).astype(np.int32)
    files = []
    for index in range(count):
        pixels[ROWS // 2, 10] = 1000 + index
        files.append(folder / f"{index}.dcm")
        files[-1].write_bytes(encoded_file(pixels, syntax, bits_stored=12))
    return files


def plain_loop(files: list[Path], folder: Path) -> None:
    """What a script would do: decode, scale by the largest value, shrink, save a 16-bit PNG."""
    height, width = SETTINGS.size
    for file in files:
        pixels = pydicom.dcmread(file).pixel_array.astype(np.float32)
        scaled = cv2.resize(pixels / pixels.max(), (width, height), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{file.stem}.png"), np.rint(scaled * 65535).astype(np.uint16))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cost(work: Callable[[], object], count: int) -> str:
    """Images a second by the clock, and processor time an image, which other work disturbs less."""
    before = os.times()
    elapsed = seconds(work)
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])  # own and children's, in programs and system
    return f"{count / elapsed:.1f} a second, {spent / count * 1000:.0f} ms of processor"


def build(files: list[Path], root: Path, processes: int) -> None:
    cache = Cache(root=root, settings=SETTINGS)
    build_cache(cache, files, processes=processes, report=lambda *_: None)


def compare_building(count: int, scratch: Path) -> None:
    height, width = SETTINGS.size
    print(f"| {ROWS} x {COLUMNS} to {height} x {width} | plain loop | 1 process | 2 processes |")
    print("|---|---|---|---|")
    for name, syntax in SYNTAXES.items():
        folder = scratch / name
        folder.mkdir()
        files = write_files(folder, syntax, count)
        cells = (
            cost(partial(plain_loop, files, folder), count),
            cost(partial(build, files, folder / "cache1", 1), count),
            cost(partial(build, files, folder / "cache2", 2), count),
        )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def compare_reading(scratch: Path) -> None:
    folder = scratch / "uncompressed"
    files = sorted(folder.glob("*.dcm"))
    images = open_images(Cache(root=folder / "cache1", settings=SETTINGS), files)
    rows = np.arange(len(files))
    pictures = [str(folder / f"{file.stem}.png") for file in files]

    def read_pictures() -> None:
        for picture in pictures:
            cv2.imread(picture, cv2.IMREAD_UNCHANGED)

    for what, work in (
        ("from the cache", lambda: images.take(rows)),
        ("as 16-bit PNG", read_pictures),
    ):
        best = min(seconds(work) for _ in range(5))
        gigabytes = len(files) * SETTINGS.size[0] * SETTINGS.size[1] * 2 / 1e9
        print(f"read {what}: {len(files) / best:,.0f} images a second, {gigabytes / best:.2f} GB/s")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    with tempfile.TemporaryDirectory() as scratch:
        compare_building(count, Path(scratch))
        compare_reading(Path(scratch))
    peak = psutil.Process(os.getpid()).memory_info().rss
    print(f"memory of this process at the end: {peak / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
