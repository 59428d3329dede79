"""Seconds from "open" to pixels and score of an exam out of an archive, against the same files from
disk; and megabytes a second received, against DCMTK's storescp. `python -m benchmarks.archive`
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from pydicom import dcmread

from mammo_core.archive.client import Query, connect
from mammo_core.archive.exams import open_study
from mammo_core.archive.results import Reader, open_reader, read_case_with
from mammo_core.preprocessing.cases import Case, store_case
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.runs.folder import find_checkpoint
from tests.archive.orthanc import EXAM, PASSWORD, VARIABLE, free_port, running_orthanc
from tests.archive.studies import MadeUp
from tests.e2e.server import ROOT

REPEATS: Final = 5
SIZE: Final = (4096, 3328)  # a full-field digital mammogram, 27 MB
SENT: Final = 40  # files


def full_size_exam(folder: Path) -> list[Path]:
    """Four views of the size of a real one, uncompressed: a drawn image, enlarged, each a little
    darker than the one before.
    """
    folder.mkdir()
    files = []
    for number, (side, view) in enumerate(MadeUp(number=1).views):
        made = dcmread(next(path for path in EXAM if "explicit" in path.name))
        pixels = made.pixel_array
        rows, columns = (
            -(-wanted // have) for wanted, have in zip(SIZE, pixels.shape, strict=True)
        )
        large = np.repeat(np.repeat(pixels, rows, axis=0), columns, axis=1)[: SIZE[0], : SIZE[1]]
        large -= np.minimum(large, number).astype(large.dtype)
        made.ImageLaterality, made.ViewPosition = side, view
        del made.ViewCodeSequence
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.6.{number}"
        made.Rows, made.Columns = large.shape
        made.PixelData = np.ascontiguousarray(large).tobytes()
        files.append(folder / f"{number}.dcm")
        made.save_as(files[-1], enforce_file_format=True)
    return files


def timed(do: Callable[[Path], Case], reader: Reader, folder: Path) -> tuple[float, float]:
    """To the pixels in the case store, and on to the score; into a store that is empty."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = Path(name) / "cases"
        root.mkdir()
        started = time.perf_counter()
        case = do(root)
        pixels = time.perf_counter()
        read_case_with(reader, case, root, now=datetime.now(UTC))
        return pixels - started, time.perf_counter() - started


def measure_opening(folder: Path, files: list[Path]) -> None:
    os.environ[VARIABLE] = PASSWORD
    reader = open_reader(find_checkpoint("phantom-light"))
    with running_orthanc(folder / "orthanc") as orthanc:
        orthanc.push(*files)
        client = connect(orthanc.archive)
        [study] = client.find_studies(Query())

        def of_disk(root: Path) -> Case:
            content = [path.read_bytes() for path in files]
            now = time.time()
            return store_case(content, root, keep=keep_mammogram, now=now)

        def of_archive(root: Path) -> Case:
            return open_study(client, study, root)

        timed(of_disk, reader, folder)  # imports, and a reading process that has started
        pairs = [
            (timed(of_disk, reader, folder), timed(of_archive, reader, folder))
            for _ in range(REPEATS)
        ]
    for place, what in enumerate(("to pixels", "to the score")):
        disk = statistics.median(pair[0][place] for pair in pairs)
        archive = statistics.median(pair[1][place] for pair in pairs)
        ratio = statistics.median(pair[1][place] / pair[0][place] for pair in pairs)
        say(f"{what}: {disk:.2f} s from disk, {archive:.2f} s from the archive, {ratio:.2f} times")


@contextmanager
def node(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def sent_in(port: int, files: list[Path]) -> float:
    """Megabytes a second, over one association."""
    command = ["dcmsend", "-aec", "MAMMOSCOPE", "127.0.0.1", str(port), *map(str, files)]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return sum(path.stat().st_size for path in files) / 1e6 / (time.perf_counter() - started)


def measure_receiving(folder: Path, files: list[Path]) -> None:
    many = []
    for number in range(SENT):
        made = dcmread(files[number % len(files)])
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.5.{number}"
        many.append(folder / f"sent_{number}.dcm")
        made.save_as(many[-1], enforce_file_format=True)
    code = "import sys; from mammo_core.cli import main; sys.exit(main(sys.argv[1:]))"
    port, theirs = free_port(), free_port()
    (folder / "theirs").mkdir()
    ours_command = [sys.executable, "-c", code, "receive", "--port", str(port), "--silence", "600"]
    theirs_command = ["storescp", "-od", str(folder / "theirs"), "+xa", str(theirs)]
    with node(ours_command, port), node(theirs_command, theirs):
        rates = [(sent_in(port, many), sent_in(theirs, many)) for _ in range(REPEATS)]
    ours, dcmtk = (statistics.median(pair[place] for pair in rates) for place in (0, 1))
    ratio = statistics.median(ours / theirs for ours, theirs in rates)
    say(f"received: {ours:.0f} MB/s, storescp {dcmtk:.0f} MB/s, {ratio:.2f} times")


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MAMMO_HOME"] = str(folder / "home")
        files = full_size_exam(folder / "exam")
        measure_opening(folder, files)
        measure_receiving(folder, files)


if __name__ == "__main__":
    main()
