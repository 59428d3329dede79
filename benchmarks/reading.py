"""Time and memory of reading one mammogram of 4096 x 3328 per transfer syntax, and of `prepare`.

python -m benchmarks.reading
"""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.dicom.parse import SYNTAXES
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.preprocessing.reading.read import decode
from mammo_core.types import Mammogram
from tests.preprocessing.dicom_files import KEY, encoded_file

ROWS, COLUMNS = 4096, 3328


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
