"""Reading one mammogram of 4096 x 3328 beside pydicom and dicomsdl; on its own time and memory of
every transfer syntax, and of `prepare`: `python -m benchmarks.reading`.
"""

import functools
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side import Comparison, Side, Work, clocked
from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.dicom.parse import SYNTAXES
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.preprocessing.reading.read import decode
from mammo_core.types import Mammogram

ROWS, COLUMNS = 4096, 3328
KEY = b"k" * 32


def put_file(folder: Path, rows: int, *, syntax: str) -> None:
    from tests.preprocessing.dicom_files import encoded_file

    bits = 8 if syntax.endswith(".50") else 12
    pixels = breast(rows, rows * COLUMNS // ROWS) // 2 ** (12 - bits)
    (folder / "one.dcm").write_bytes(encoded_file(pixels, syntax, bits_stored=bits))


@contextmanager
def by_reading_process(folder: Path) -> Iterator[Work]:
    """As pages and jobs read: the pixels come through a pipe, windowed, from 0 to 1."""
    process = ReadingProcess()
    yield clocked(lambda: process.read(folder / "one.dcm", key=KEY))
    process.close()


@contextmanager
def by_pydicom(folder: Path, *, is_windowed: bool = False) -> Iterator[Work]:
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    def read() -> NDArray[np.float32]:
        dataset = pydicom.dcmread(folder / "one.dcm")
        pixels: NDArray[Any] = dataset.pixel_array
        if is_windowed:
            pixels = apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)
        return from_0_to_1(pixels)

    yield clocked(read)


@contextmanager
def by_dicomsdl(folder: Path) -> Iterator[Work]:
    import dicomsdl

    yield clocked(lambda: from_0_to_1(dicomsdl.open(str(folder / "one.dcm")).pixelData()))


def from_0_to_1(pixels: NDArray[Any]) -> NDArray[np.float32]:
    grey = pixels.astype(np.float32)
    grey /= grey.max()
    return grey


PYDICOM = Side(name="pydicom, pixels alone", open=by_pydicom)
DICOMSDL = Side(name="dicomsdl, pixels alone", open=by_dicomsdl, needs="dicomsdl")
WINDOWED = Side(name="pydicom, windowed too", open=functools.partial(by_pydicom, is_windowed=True))
ENTRIES = tuple(
    Comparison(
        what=f"one file of {ROWS} x {COLUMNS} read, {name}",
        put=functools.partial(put_file, syntax=f"1.2.840.10008.1.2.{syntax}"),
        size=ROWS,
        here=Side(name="reading process", open=by_reading_process),
        instead=instead,
        turns=3,
    )
    for name, syntax, instead in (
        ("uncompressed", "1", (PYDICOM, WINDOWED, DICOMSDL)),
        ("RLE", "5", (PYDICOM, DICOMSDL)),
        ("JPEG baseline, 8 bits", "4.50", (PYDICOM, DICOMSDL)),
        ("JPEG-LS", "4.80", (PYDICOM, DICOMSDL)),
        ("JPEG 2000 lossless", "4.90", (PYDICOM, DICOMSDL)),
        ("HTJ2K lossless", "4.201", (PYDICOM,)),  # which dicomsdl does not read
    )
)


def seconds(*works: Callable[[], object]) -> list[float]:
    """The best of seven of each, in turns: what the machine can do, not what else it did."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(7):
        for work, found in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            found.append(time.perf_counter() - start)
    return [min(found) for found in times]


def breast(rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.int32]:
    """A half ellipse of soft texture and noise on 0, in 12 bits."""
    y, x = np.mgrid[:rows, :columns]
    is_breast = ((y / rows - 0.5) / 0.45) ** 2 + (x / columns / 0.8) ** 2 < 1
    draws = np.random.default_rng(0)
    small = draws.normal(0, 1, (rows // 16 + 1, columns // 16 + 1)).astype(np.float32)
    soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.0), (columns, rows))
    values = 1800 + 1500 * soft + draws.normal(0, 12, (rows, columns))
    return np.where(is_breast, np.clip(values, 200, 4095), 0).astype(np.int32)


def peak_megabytes(process_id: int | None) -> str:
    """The most memory the process ever held; Linux alone tells."""
    if sys.platform != "linux":
        return "not told here"
    status = Path(f"/proc/{process_id}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return f"{int(found.group(1)) // 1024} MB" if found else "not told here"


def read_everything() -> Mammogram:
    from tests.preprocessing.dicom_files import encoded_file

    tiny, full = breast(64, 64), breast()
    print("| transfer syntax | file | decoded here | in the reading process | its peak memory |")
    print("|---|---|---|---|---|")
    for syntax in SYNTAXES:
        bits = 8 if syntax.uid.endswith(".50") else 12
        scale = 2 ** (12 - bits)
        content = encoded_file(full // scale, syntax.uid, bits_stored=bits)
        process = ReadingProcess()
        process.read(encoded_file(tiny // scale, syntax.uid, bits_stored=bits), key=KEY)
        here, isolated = seconds(
            lambda c=content: decode(c, key=KEY), lambda p=process, c=content: p.read(c, key=KEY)
        )
        cells = (
            f"{syntax.name} ({syntax.uid.removeprefix('1.2.840.10008.1.2') or '-'})",
            f"{len(content) / 1e6:.1f} MB",
            f"{here:.2f} s",
            f"{isolated:.2f} s",
            peak_megabytes(process.process_id),
        )
        process.close()
        print(f"| {' | '.join(cells)} |", flush=True)
    return decode(encoded_file(full, SYNTAXES[1].uid, bits_stored=12), key=KEY)


def prepare_everything(mammogram: Mammogram) -> None:
    print("\n| prepare | time |")
    print("|---|---|")
    for name, settings in (
        ("512 x 256", PrepareSettings(size=(512, 256))),
        ("1536 x 768", PrepareSettings(size=(1536, 768))),
        ("1536 x 768 with CLAHE", PrepareSettings(size=(1536, 768), has_clahe=True)),
    ):
        print(f"| {name} | {seconds(lambda s=settings: prepare(mammogram, s))[0]:.2f} s |")


if __name__ == "__main__":
    prepare_everything(read_everything())
