"""The cache gives back what preparing gives, whatever killed it and however many built it."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammo_core.config import PrepareSettings
from mammo_core.errors import DiskError, RunError, TableError
from mammo_core.preprocessing.cache import Cache, build_cache, open_images, plan_build
from mammo_core.preprocessing.prepare import prepare_grey
from mammo_core.preprocessing.reading.read import decode
from tests.full_disk import room_for
from tests.preprocessing.drawings import half_disc

SETTINGS = PrepareSettings(size=(48, 24))
CHILD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from mammo_core.preprocessing.cache import Cache\n"
    "from mammo_core.preprocessing.cache import build_cache\n"
    "from mammo_core.config import PrepareSettings\n"
    "cache = Cache(root=Path(sys.argv[1]), settings=PrepareSettings(size=(48, 24)))\n"
    "files = sorted(Path(sys.argv[2]).iterdir())\n"
    "build_cache(cache, files, processes=1, report=lambda *_: None)\n"
)


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def write_image(path: Path, grey: int, *, highest: int = 255) -> None:
    """A half disc of `grey`, a little shaded, as a PGM; above 255 it has 16 bits."""
    kind = ">u2" if highest > 255 else "u1"
    disc = half_disc()[::4, ::4] > 0
    height, width = disc.shape
    pixels = np.where(disc, grey + np.arange(height)[:, None] % 8 * (highest // 64), 0).astype(kind)
    path.write_bytes(f"P5 {width} {height} {highest}\n".encode() + pixels.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight images of 8 bits, all different."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(8):
        write_image(folder / f"{index}.pgm", 100 + index)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache", settings=SETTINGS)


def assert_complete(cache: Cache, files: list[Path]) -> None:
    images = open_images(cache, files)
    for index, file in enumerate(files):
        expected = prepare_grey(decode(file, key=bytes(32)), cache.settings).levels
        np.testing.assert_array_equal(images[index], expected)


@pytest.mark.slow
def test_the_cache_gives_back_what_preparing_gives(cache: Cache, folder: Path) -> None:
    write_image(folder / "deep.pgm", 3000, highest=4095)
    (folder / "broken.pgm").write_bytes(b"P5 10 10 255\n too short")
    (folder / "empty.pgm").write_bytes(b"")
    shutil.copy(folder / "0.pgm", folder / "twin.pgm")
    files = sorted(folder.iterdir())
    seen: list[tuple[int, int]] = []
    built = build_cache(
        cache, files, processes=2, report=lambda done, total: seen.append((done, total))
    )
    assert built.built == 10
    assert not built.was_stopped
    assert [problem.file.name for problem in built.unreadable] == ["broken.pgm", "empty.pgm"]
    assert "empty" in built.unreadable[1].reason
    assert seen == [(done, 12) for done in range(13)]

    readable = [file for file in files if file.stem not in ("broken", "empty")]
    assert_complete(cache, readable)
    # One file of levels per content: the twin has none of its own.
    assert len([*cache.folder.glob("*/*.u8")]) == 8
    assert len([*cache.folder.glob("*/*.u16")]) == 1
    with pytest.raises(TableError, match="2 of 12 images are not in the cache"):
        open_images(cache, files)

    # Taken together, black is 0 and white 65535 whatever the source.
    deep, first = readable.index(folder / "deep.pgm"), readable.index(folder / "0.pgm")
    images = open_images(cache, readable)
    together = images.take(np.array([deep, first]))
    assert together.dtype == np.uint16
    np.testing.assert_array_equal(together[0], images[deep])
    np.testing.assert_array_equal(together[1], images[first].astype(np.uint16) * 257)

    # What is there is not built again, and a copy elsewhere is known by its content.
    assert plan_build(cache, readable).missing == ()
    moved = folder.parent / "moved.pgm"
    shutil.copy(folder / "3.pgm", moved)
    before = {path: path.stat().st_mtime_ns for path in cache.folder.glob("*/*")}
    again = build_cache(cache, [moved], processes=1, report=silent)
    assert again.built == 1
    assert {path: path.stat().st_mtime_ns for path in cache.folder.glob("*/*")} == before


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_stopped(cache: Cache, folder: Path) -> None:
    for index in range(60):
        write_image(folder / f"more{index}.pgm", 60 + index)
    command = [sys.executable, "-c", CHILD, str(cache.root), str(folder)]
    child = subprocess.Popen(command)
    while len([*cache.folder.glob("*/*.u8")]) < 5:
        assert child.poll() is None, "the builder ended before it was killed"
        time.sleep(0.002)
    child.kill()
    child.wait()
    files = sorted(folder.iterdir())
    missing = len(plan_build(cache, files).missing)
    assert 0 < missing <= 68 - 4  # of the fifth the levels are there, its place perhaps not yet
    built = build_cache(cache, files, processes=2, report=silent)
    assert built.built == missing
    assert_complete(cache, files)


@pytest.mark.slow
def test_two_builders_at_once_leave_one_whole_cache(cache: Cache, folder: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(cache.root), str(folder)]
    builders = [subprocess.Popen(command) for _ in range(2)]
    assert [builder.wait() for builder in builders] == [0, 0]
    assert_complete(cache, sorted(folder.iterdir()))
    assert not [*cache.root.glob("**/*.tmp")]


def test_a_stopped_build_says_so(cache: Cache, folder: Path) -> None:
    built = build_cache(
        cache, sorted(folder.iterdir()), processes=1, report=silent, should_stop=lambda: True
    )
    assert (built.built, built.was_stopped) == (0, True)


def test_a_cache_larger_than_the_disk_is_refused_before_it_is_begun(
    cache: Cache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(folder)
    full = usage._replace(free=2**30 + 8 * 48 * 24 * 2 - 1)  # one byte short
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(RunError, match=r"only 1\.0 GB free"):
        build_cache(cache, sorted(folder.iterdir()), processes=1, report=silent)


def test_the_plan_counts_files_and_bytes(cache: Cache, folder: Path) -> None:
    files = sorted(folder.iterdir())
    plan = plan_build(cache, [*files, files[0]])
    assert plan.missing == tuple(files)
    assert plan.most_bytes == 8 * 48 * 24 * 2
    assert plan.is_possible


def test_what_decides_the_levels_decides_the_place(tmp_path: Path) -> None:
    def folder_of(settings: PrepareSettings) -> Path:
        return Cache(root=tmp_path, settings=settings).folder

    # Mean, std and channels come after the cache.
    assert folder_of(SETTINGS) == folder_of(
        replace(SETTINGS, channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0))
    )
    others = [
        replace(SETTINGS, size=(48, 32)),
        replace(SETTINGS, filter="mean"),
        replace(SETTINGS, has_clahe=True),
        replace(SETTINGS, is_masked=False),
        replace(SETTINGS, margin=0.03),
    ]
    assert len({folder_of(settings) for settings in [SETTINGS, *others]}) == 6


def test_a_changed_file_is_not_found_under_its_old_levels(cache: Cache, folder: Path) -> None:
    file = folder / "0.pgm"
    cache.store("0" * 64, np.zeros((48, 24), dtype=np.uint8))
    cache.remember(cache.place_of(file), "0" * 64)
    assert cache.find(file) is not None
    write_image(file, 77)
    os.utime(file, ns=(1, 1))
    assert cache.find(file) is None


def test_levels_cut_short_by_a_power_failure_count_as_missing(cache: Cache, folder: Path) -> None:
    file = folder / "0.pgm"
    cache.store("0" * 64, np.zeros((48, 24), dtype=np.uint8))
    cache.remember(cache.place_of(file), "0" * 64)
    found = cache.find(file)
    assert found is not None
    found.write_bytes(b"")
    assert cache.find(file) is None


def test_a_full_disk_is_said_with_what_to_do_and_not_where_the_server_keeps_it(
    cache: Cache, folder: Path
) -> None:
    file = folder / "0.pgm"
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    cache.store(content, np.zeros((48, 24), dtype=np.uint8))  # only its place is to be written
    with room_for(0), pytest.raises(DiskError, match=r"no room left .* Make room") as caught:
        build_cache(cache, [file], processes=1, report=silent)
    assert "None" not in str(caught.value)
    assert str(cache.root) not in str(caught.value)
