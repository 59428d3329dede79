"""The pixels of a kept image, as files. Whoever reads the image writes them, which is a process of
its own, and whoever looks at them maps them: no server holds a whole mammogram.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format
from numpy.typing import NDArray

from mammo_core.errors import DiskError, MammoError
from mammo_core.files import scratch_beside, told_of_disk
from mammo_core.types import ImageInfo, Mammogram, Size

#: Windows deletes no file that is mapped, and a forgotten case must be gone at once.
IS_MAPPED: Final = os.name != "nt"

#: Processes that read foreign files at once.
MOST_READERS: Final = min(4, os.cpu_count() or 1)

#: As they are shown, as they were before any window, and as the file stores them if not so.
KINDS: Final = ("pixels", "wide", "stored")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImage:
    """What is known of an image whose pixels lie in files."""

    info: ImageInfo
    size: Size
    decoding_seconds: float
    masking_seconds: float


def keep_image(
    content: bytes,
    stem: Path,
    *,
    read: Callable[[bytes], Mammogram],
    mask: Callable[[Mammogram], Mammogram],
) -> KeptImage:
    """Read `content`, and write its pixels to files whose names begin with that of `stem`."""
    started = time.perf_counter()
    decoded = read(content)
    read_at = time.perf_counter()
    mammogram = mask(decoded)
    masked_at = time.perf_counter()
    arrays = (mammogram.pixels, mammogram.wide, mammogram.stored)
    for kind, values in zip(KINDS, arrays, strict=True):
        if values is not None:
            save_array(array_file(stem, kind), values)
    return KeptImage(
        info=mammogram.info,
        size=mammogram.size,
        decoding_seconds=round(read_at - started, 4),
        masking_seconds=round(masked_at - read_at, 4),
    )


Keep = Callable[[bytes, Path], KeptImage]


@contextmanager
def kept_images(
    files: Mapping[str, bytes], folder: Path, *, keep: Keep
) -> Iterator[Callable[[str], KeptImage | Exception]]:
    """What `keep` makes of each of `files` in `folder`, or why it could not, to be asked for by
    name. As many are read at once as there are processes to read; no more where nobody asks on.
    """
    readers = ThreadPoolExecutor(MOST_READERS)
    try:
        reads = {
            name: readers.submit(_kept, content, folder / name, keep)
            for name, content in files.items()
        }
        yield lambda name: reads[name].result()
    finally:
        readers.shutdown(cancel_futures=True)


def _kept(content: bytes, stem: Path, keep: Keep) -> KeptImage | Exception:
    """Whatever one file does, the others are read; not so where there is no room for any."""
    try:
        return keep(content, stem)
    except DiskError:
        raise
    except Exception as error:  # noqa: BLE001 - it is refused in words
        _drop_image(stem)
        return error


def _drop_image(stem: Path) -> None:
    """What a process that died has left of an image."""
    for file in stem.parent.glob(f"*{stem.name}.*"):
        file.unlink(missing_ok=True)


def load_image(stem: Path, info: ImageInfo) -> Mammogram:
    """The image with its pixels, which are read where they are looked at."""
    pixels, *others = (array_file(stem, kind) for kind in KINDS)
    wide, stored = (load_array(other) if other.exists() else None for other in others)
    return Mammogram(info=info, pixels=load_array(pixels), wide=wide, stored=stored)


def array_file(stem: Path, kind: str) -> Path:
    return stem.with_name(f"{stem.name}.{kind}.npy")


def save_array(path: Path, values: NDArray[Any]) -> None:
    """As `np.save`, which on a full disk says only how many values it could not write."""
    scratch = scratch_beside(path)
    values = np.ascontiguousarray(values)
    with told_of_disk(path.parent.parent):
        try:
            with scratch.open("wb") as stream:
                format.write_array_header_1_0(stream, format.header_data_from_array_1_0(values))
                stream.write(values.reshape(-1).view(np.uint8).data)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def load_array(path: Path) -> NDArray[Any]:
    """As it lies on the disk: what is looked at is read. Not to be written to."""
    try:
        values = np.load(path, mmap_mode="r" if IS_MAPPED else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise MammoError("Pixels of this case are missing. Open the images again.") from None
    return np.asarray(values)
