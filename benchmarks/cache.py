"""Files prepared once for training, and read back, beside a plain loop and MONAI's CacheDataset.

Building the cache does more than both: it hashes each file, reads it in a limited process, applies
its window, finds the breast, crops, turns and masks it, and syncs to disk. MONAI keeps in memory
what it has prepared, so that the next training begins anew.
"""

import functools
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.reading import COLUMNS, ROWS, breast
from benchmarks.side_by_side import Comparison, Side, Work, clocked
from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.cache import Cache, build_cache, open_images
from mammo_core.preprocessing.intensity import Levels

SETTINGS: Final = PrepareSettings(size=(1536, 768))
BATCH: Final = 16
CORES: Final = os.cpu_count() or 1
NUMBER: Final = b"1.2.3.4\0"  # of the image, in its file


def put_files(folder: Path, count: int, *, syntax: str) -> None:
    """One image under so many numbers, which are all that is hashed anew."""
    from tests.preprocessing.dicom_files import encoded_file

    content = encoded_file(breast(), syntax, bits_stored=12)
    for number in range(10, 10 + count):
        changed = content.replace(NUMBER, b"1.2.3.%d" % number)
        assert changed != content
        (folder / f"{number}.dcm").write_bytes(changed)


@contextmanager
def by_cache(folder: Path) -> Iterator[Work]:
    """By as many reading processes as there are cores."""
    files = sorted(folder.glob("*.dcm"))
    roots = (folder.parent / f"cache{turn}" for turn in itertools.count())

    def build() -> None:
        cache = Cache(root=next(roots), settings=SETTINGS)
        built = build_cache(cache, files, processes=CORES, report=lambda *_: None)
        assert built.built == len(files)

    yield clocked(build)


@contextmanager
def by_loop(folder: Path) -> Iterator[Work]:
    """What a script would do: decode, scale by the largest value, shrink, save a 16-bit PNG."""
    import pydicom

    height, width = SETTINGS.size

    def prepare() -> None:
        for file in folder.glob("*.dcm"):
            pixels = pydicom.dcmread(file).pixel_array.astype(np.float32)
            pixels /= pixels.max()
            scaled = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
            picture = folder.parent / f"{file.stem}.png"
            cv2.imwrite(str(picture), np.rint(scaled * 65535).astype(np.uint16))

    yield clocked(prepare)


def monai_dataset(files: Sequence[Path], reader: str) -> Any:
    from monai.data import CacheDataset
    from monai.transforms import Compose, EnsureChannelFirst, LoadImage, Resize, ScaleIntensity

    looks = Compose(
        [LoadImage(reader=reader), EnsureChannelFirst(), ScaleIntensity(), Resize(SETTINGS.size)]
    )
    return CacheDataset([str(file) for file in files], looks, num_workers=CORES, progress=False)


@contextmanager
def by_monai(folder: Path) -> Iterator[Work]:
    files = sorted(folder.glob("*.dcm"))
    yield clocked(lambda: monai_dataset(files, "PydicomReader"))


def put_prepared(folder: Path, count: int) -> None:
    """The same prepared images in the cache and as 16-bit PNG."""
    levels: Levels = (breast(*SETTINGS.size) * 16).astype(np.uint16)
    cache = Cache(root=folder / "cache", settings=SETTINGS)
    for number in range(count):
        file = folder / f"{number}.png"
        levels[0, 0] = number
        cv2.imwrite(str(file), levels)
        cache.store(f"{number:064x}", levels)
        cache.remember(cache.place_of(file), f"{number:064x}")


@contextmanager
def batch_of_cache(folder: Path) -> Iterator[Work]:
    images = open_images(Cache(root=folder / "cache", settings=SETTINGS), pictures(folder))
    yield clocked(lambda: images.take(np.arange(len(images))))


@contextmanager
def batch_of_png(folder: Path) -> Iterator[Work]:
    files = pictures(folder)
    yield clocked(lambda: np.stack([cv2.imread(str(one), cv2.IMREAD_UNCHANGED) for one in files]))


@contextmanager
def batch_of_monai(folder: Path) -> Iterator[Work]:
    import torch

    kept = monai_dataset(pictures(folder), "PILReader")
    yield clocked(lambda: torch.stack([kept[row] for row in range(len(kept))]))


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


LOOP: Final = Side(name="plain loop: pydicom, cv2, PNG", open=by_loop)
MONAI: Final = Side(name="MONAI CacheDataset, in memory", open=by_monai, needs="monai")
_HEIGHT, _WIDTH = SETTINGS.size

ENTRIES: Final = (
    *(
        Comparison(
            what=f"8 files of {ROWS} x {COLUMNS} prepared to {_HEIGHT} x {_WIDTH}, {name}",
            put=functools.partial(put_files, syntax=f"1.2.840.10008.1.2.{syntax}"),
            size=8,
            here=Side(name="cache", open=by_cache),
            instead=(LOOP, MONAI),
            turns=2,
        )
        for name, syntax in (("uncompressed", "1"), ("JPEG 2000 lossless", "4.90"))
    ),
    Comparison(
        what=f"{BATCH} prepared images of {_HEIGHT} x {_WIDTH} back as a batch",
        put=put_prepared,
        size=BATCH,
        here=Side(name="cache", open=batch_of_cache),
        instead=(
            Side(name="16-bit PNG, cv2", open=batch_of_png),
            Side(name="MONAI CacheDataset, from memory", open=batch_of_monai, needs="monai"),
        ),
    ),
)
