"""Files are whole whoever writes them, and when."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mammo_core.errors import DiskError
from mammo_core.files import (
    boot_time,
    data_roots,
    folders_in,
    replace_file,
    scratch_beside,
    sweep_scratch,
    told_of_disk,
)


def test_threads_that_write_one_file_at_once_leave_one_of_theirs_whole(tmp_path: Path) -> None:
    """Two images of the same content are prepared side by side and stored under one name."""
    path = tmp_path / "levels.u8"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in range(20):
            list(pool.map(lambda content: replace_file(path, content), contents))
            assert path.read_bytes() in contents
    assert [found.name for found in tmp_path.iterdir()] == ["levels.u8"]


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda root: (root / "file").mkdir(exist_ok=True), "'file' is there already"),
        (lambda root: (root / "file" / "new").mkdir(), "'new' is a file or lies below one"),
        (lambda root: (root / "folder").read_bytes(), "'folder' is a folder, and a file is needed"),
        (lambda root: replace_file(root / "folder", b"new"), "'folder' is a folder, and a file"),
    ],
)
def test_a_path_that_leads_elsewhere_than_was_meant_is_told_by_its_last_name(
    work: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DiskError, match=said) as met, told_of_disk():
        work(tmp_path)
    assert not met.value.is_foreseen
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_checkpoint_that_was_never_filled_is_swept_when_nothing_was_written_for_a_day(
    tmp_path: Path,
) -> None:
    """An import that was killed leaves gigabytes; one that goes on has a file of this moment."""
    now = time.time()
    ages = {".importing-abcd_123": 90_000, ".packing-abcd1234": 90_000, ".exporting-12345678": 0}
    for name, age in {**ages, ".importing-1": 90_000, "importing-abcd1234": 90_000}.items():
        for path in (tmp_path / name / "inner" / "weights", tmp_path / name / "inner"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.is_dir() or path.write_bytes(b"half")
            os.utime(path, (now - age,) * 2)
        os.utime(tmp_path / name, (now - 90_000,) * 2)
    assert sweep_scratch(tmp_path, now=now) == 2
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".exporting-12345678", ".importing-1", "importing-abcd1234"]


def test_visitors_look_below_the_folders_that_were_named_and_follow_no_link_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("shared/b", "shared/a/deeper", "shared/.hidden", "private"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "shared/file.txt").write_text("no folder")
    (tmp_path / "shared/out").symlink_to(tmp_path / "private")
    monkeypatch.delenv("MAMMO_ROOTS", raising=False)
    assert data_roots() == ()
    root = tmp_path / "shared"
    monkeypatch.setenv("MAMMO_ROOTS", f"{root}{os.pathsep}{tmp_path / 'nowhere'}")
    assert data_roots() == (root.resolve(),)
    assert [path.name for path in folders_in(root, root)] == ["a", "b"]
    assert [path.name for path in folders_in(root / "a", root)] == ["deeper"]


def test_what_a_dead_writer_or_the_time_before_the_boot_left_is_swept(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    dead = int(ended.stdout)
    own, before_boot, fresh, foreign, folder = (
        scratch_beside(tmp_path / "one"),
        scratch_beside(tmp_path / "two"),
        tmp_path / f".three.{dead}-{'0' * 16}.tmp",
        tmp_path / ".notes.tmp",
        tmp_path / "run" / f".four.{dead}-{'0' * 16}.tmp",
    )
    folder.mkdir(parents=True)
    (folder / "half").write_bytes(b"half")
    for path in (own, before_boot, fresh, foreign):
        path.write_bytes(b"half")
    for path in (foreign, folder):
        os.utime(path, (0.0, 0.0))
    os.utime(before_boot, (boot_time() - 3600,) * 2)
    later = max(time.time(), boot_time() + 3600 + 1)
    os.utime(own, (later - 700,) * 2)
    os.utime(fresh, (later,) * 2)
    assert sweep_scratch(tmp_path, now=later) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [own.name, fresh.name, foreign.name, "run"]
    )
    assert not list((tmp_path / "run").iterdir())
