"""A process of its own for reading: what breaks it becomes a sentence, and nothing else breaks."""

import contextlib
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from mammo_core.config import PrepareSettings
from mammo_core.errors import ReadError
from mammo_core.preprocessing.breast import mask_outside_breast
from mammo_core.preprocessing.pixel_files import load_image
from mammo_core.preprocessing.prepare import prepare_grey
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import ReadingPool, ReadingProcess
from mammo_core.preprocessing.reading.read import decode, read_mammogram
from tests.preprocessing.dicom_files import KEY, TOMOSYNTHESIS, mammogram_file, ramp
from tests.quick import some_slow

PLAIN = mammogram_file(ramp(), ImageLaterality="L", ViewPosition="CC", PixelSpacing=[0.05, 0.05])


@pytest.fixture
def process() -> Iterator[ReadingProcess]:
    process = ReadingProcess()
    yield process
    process.close()


def pretender(behaviour: str) -> tuple[str, ...]:
    """A reading process that says it is ready, takes a request, and then misbehaves."""
    code = (
        "import os, sys, time\n"
        "from mammo_core.preprocessing.reading.messages import Reply, Request, receive, send\n"
        "send(sys.stdout.buffer, Reply())\n"
        "receive(sys.stdin.buffer, Request)\n"
        f"{behaviour}\n"
    )
    return (sys.executable, "-c", code)


def test_a_password_that_the_server_was_given_is_not_handed_to_the_reading_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORTHANC_PASSWORD", "only-for-the-archive")
    seen = tmp_path / "seen"
    behaviour = f"open({str(seen)!r}, 'w').write(repr(dict(os.environ))); os._exit(1)"
    with (
        contextlib.closing(ReadingProcess(command=pretender(behaviour))) as process,
        pytest.raises(ReadError),
    ):
        process.read(PLAIN, key=KEY)
    assert "PATH" in seen.read_text()
    assert "only-for-the-archive" not in seen.read_text()


def test_the_process_returns_what_decoding_here_returns(
    process: ReadingProcess, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    path.write_bytes(PLAIN)
    here = decode(PLAIN, key=KEY)
    for there in (process.read(PLAIN, key=KEY), process.read(path, key=KEY)):
        assert (there.ref, there.info.kind, there.info.bits) == (
            here.ref,
            here.info.kind,
            here.info.bits,
        )
        assert (there.info.spacing_mm, there.windows, there.notes) == (
            here.info.spacing_mm,
            here.windows,
            here.notes,
        )
        assert np.array_equal(there.pixels, here.pixels)
        assert there.wide is not None
        assert here.wide is not None
        assert np.array_equal(there.wide, here.wide)


@pytest.mark.slow
def test_one_process_reads_many_files(process: ReadingProcess) -> None:
    process.read(PLAIN, key=KEY)
    first = process.process_id
    process.read(b"P5 1 1 255\n\0", key=KEY, image_id="7")
    assert process.process_id == first


def test_an_image_that_is_kept_is_written_there_and_only_words_come_back(
    process: ReadingProcess, tmp_path: Path
) -> None:
    kept = process.keep(PLAIN, tmp_path / "image", key=KEY)
    here = mask_outside_breast(decode(PLAIN, key=KEY))
    there = load_image(tmp_path / "image", kept.info)
    assert (kept.info, kept.size) == (here.info, here.size)
    assert np.array_equal(there.pixels, here.pixels)
    assert there.wide is not None
    assert here.wide is not None
    assert np.array_equal(there.wide, here.wide)
    assert {file.name for file in tmp_path.iterdir()} == {"image.pixels.npy", "image.wide.npy"}


@pytest.mark.slow
def test_a_kept_image_of_an_impossible_size_is_no_answer(tmp_path: Path) -> None:
    lie = (
        "from mammo_core.preprocessing.pixel_files import KeptImage\n"
        "from mammo_core.types import ImageInfo, ImageRef\n"
        "info = ImageInfo(ref=ImageRef(image_id='x'), kind='test', bits=8)\n"
        "kept = KeptImage(info=info, size=(10**6, 10**6), decoding_seconds=0, masking_seconds=0)\n"
        "send(sys.stdout.buffer, Reply(kept=kept))\n"
    )
    process = ReadingProcess(command=pretender(lie))
    with pytest.raises(ReadError, match="died"):
        process.keep(PLAIN, tmp_path / "image", key=KEY)


def test_an_image_prepared_there_is_the_image_prepared_here(process: ReadingProcess) -> None:
    settings = PrepareSettings(size=(32, 16))
    there = process.read_prepared(PLAIN, settings, key=KEY)
    here = prepare_grey(decode(PLAIN, key=KEY), settings)
    assert (there.geometry, there.notes) == (here.geometry, here.notes)
    assert there.levels.dtype == here.levels.dtype == np.uint16
    assert np.array_equal(there.levels, here.levels)
    with pytest.raises(ReadError, match="empty"):
        process.read_prepared(b"", settings, key=KEY)


def test_a_refusal_comes_through_with_its_code_and_hint(process: ReadingProcess) -> None:
    content = mammogram_file(ramp(), SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=9)
    with pytest.raises(ReadError) as refused:
        process.read(content, key=KEY)
    assert refused.value.code == "tomosynthesis"
    assert "2-D image" in refused.value.hint
    assert process.read(PLAIN, key=KEY).size == (8, 16)


def test_a_file_that_is_not_there_is_refused(process: ReadingProcess, tmp_path: Path) -> None:
    with pytest.raises(ReadError) as refused:
        process.read(tmp_path / "none", key=KEY)
    assert refused.value.code == "no_file"


def test_a_process_that_someone_ended_is_replaced(process: ReadingProcess) -> None:
    process.read(PLAIN, key=KEY)
    assert process.process_id is not None
    ended = psutil.Process(process.process_id)
    ended.kill()
    ended.wait()
    assert process.read(PLAIN, key=KEY).size == (8, 16)


@pytest.mark.parametrize(
    "behaviour",
    some_slow(["os._exit(0)", "os.abort()", "sys.stdout.buffer.write(b'12')"], quick=1),
)
def test_however_it_dies_it_is_told_in_words(behaviour: str) -> None:
    process = ReadingProcess(command=pretender(behaviour))
    with pytest.raises(ReadError, match="The decoder died of this file"):
        process.read(PLAIN, key=KEY)
    assert process.process_id is None


@pytest.mark.slow
def test_a_process_that_hangs_is_stopped_by_the_clock() -> None:
    process = ReadingProcess(command=pretender("time.sleep(60)"), seconds=0.5)
    with pytest.raises(ReadError) as refused:
        process.read(PLAIN, key=KEY)
    assert refused.value.code == "too_slow"
    assert process.process_id is None


def test_a_process_that_takes_too_much_memory_is_stopped_where_it_is_watched() -> None:
    """As on systems without a limit of their own; 400 MB against a limit of 300."""
    process = ReadingProcess(
        command=pretender("x = bytearray(b'1') * 400_000_000; time.sleep(60)"),
        most_bytes=300 * limits.MEGABYTE,
    )
    with pytest.raises(ReadError, match="more than 300 MB"):
        process.read(PLAIN, key=KEY)


def test_a_process_that_does_not_start_is_told() -> None:
    process = ReadingProcess(command=(sys.executable, "-c", "pass"))
    with pytest.raises(ReadError) as refused:
        process.read(PLAIN, key=KEY)
    assert refused.value.code == "no_reader"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_the_process_has_a_limit_on_its_memory(process: ReadingProcess) -> None:
    process.read(PLAIN, key=KEY)
    assert process.process_id is not None
    limit = psutil.Process(process.process_id).rlimit(psutil.RLIMIT_AS)
    assert limit == (limits.WORKER_BYTES, limits.WORKER_BYTES)


@pytest.mark.slow
def test_after_five_hundred_files_a_fresh_process_reads(process: ReadingProcess) -> None:
    tiny = b"P5 1 1 255\n\0"
    process.read(tiny, key=KEY, image_id="1")
    first = process.process_id
    for _ in range(limits.WORKER_FILES - 2):
        process.read(tiny, key=KEY, image_id="1")
    assert process.process_id == first
    process.read(tiny, key=KEY, image_id="1")
    assert process.process_id is None
    process.read(tiny, key=KEY, image_id="1")
    assert process.process_id not in (None, first)


def test_of_a_file_too_large_only_the_head_is_looked_at(
    process: ReadingProcess, tmp_path: Path
) -> None:
    """A tomosynthesis of 2 GB gets its sentence, and a 2-D file of 2 GB another."""
    for frames, code in ((60, "tomosynthesis"), (1, "too_large")):
        path = tmp_path / str(frames)
        content = mammogram_file(ramp(), SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=frames)
        with path.open("wb") as stream:
            stream.write(content)
            stream.truncate(2 * 1024 * limits.MEGABYTE)
        start = time.process_time()
        with pytest.raises(ReadError) as refused:
            process.read(path, key=KEY)
        assert refused.value.code == code
        assert process.process_id is not None
        there = sum(psutil.Process(process.process_id).cpu_times()[:2])
        assert time.process_time() - start + there < 5.0  # however busy the computer is


def test_of_a_data_sets_file_too_large_the_head_alone_is_read_and_its_size_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_source = limits.read_source

    def watched(file: Path, *, most: int = limits.FILE_BYTES, inside: Path | None = None) -> bytes:
        data = read_source(file, most=most, inside=inside)
        lengths.append(len(data))
        return data

    lengths: list[int] = []
    monkeypatch.setattr(limits, "read_source", watched)
    for frames, said in ((60, "tomosynthesis"), (1, "has 700 MB")):
        path = tmp_path / str(frames)
        content = mammogram_file(ramp(), SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=frames)
        with path.open("wb") as stream:
            stream.write(content)
            stream.truncate(700 * limits.MEGABYTE)
        with pytest.raises(ReadError, match=said):
            read_mammogram(path, inside=tmp_path)
    assert sum(lengths) == 0


@pytest.mark.slow
def test_many_threads_share_a_few_processes() -> None:
    pool = ReadingPool(2)
    pictures = [f"P5 1 1 255\n{chr(level)}".encode() for level in range(100)]

    def level_of(picture: bytes) -> float:
        mammogram = pool.read(picture, key=KEY, image_id="x")
        return round(float(mammogram.pixels[0, 0]) * 255)

    with ThreadPoolExecutor(8) as threads:
        levels = list(threads.map(level_of, pictures))
    pool.close()
    assert levels == list(range(100))


def test_the_public_way_to_read_makes_its_own_key_and_id(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    mammogram = read_mammogram(PLAIN)
    assert (tmp_path / "key").exists()
    assert len(mammogram.ref.image_id) == 32
    assert read_mammogram(PLAIN, image_id="mine").ref.image_id == "mine"


@pytest.mark.slow
def test_a_file_whose_reader_was_killed_from_outside_is_read_again(tmp_path: Path) -> None:
    """The first process dies in the middle of the file; the next one reads it."""
    died = tmp_path / "died"
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from mammo_core.preprocessing.reading import worker\n"
        "from mammo_core.preprocessing.reading.messages import Reply, Request, receive, send\n"
        f"died = Path({str(died)!r})\n"
        "if died.exists():\n"
        "    sys.exit(worker.main())\n"
        "send(sys.stdout.buffer, Reply())\n"
        "receive(sys.stdin.buffer, Request)\n"
        "died.touch()\n"
        "os.abort()\n"
    )
    process = ReadingProcess(command=(sys.executable, "-c", code))
    try:
        assert process.read(PLAIN, key=KEY).size == (8, 16)
        assert died.exists()
    finally:
        process.close()
