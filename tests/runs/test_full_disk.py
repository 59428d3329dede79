"""A disk that is full or read-only: said in words, nothing half left behind, last words written."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mammo_core.cli import main
from mammo_core.errors import DiskError
from mammo_core.files import locked, replace_file
from mammo_core.preprocessing.cases import store_case
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import carry_out
from mammo_core.types import RunState


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root makes a disk")
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be made here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def queued(folder: Path) -> RunFolder:
    run = RunFolder(folder / "20260101-000000-run-0000")
    run.path.mkdir()
    run.write_status(RunStatus(state=RunState.QUEUED))
    return run


def test_a_full_disk_leaves_the_old_file_and_no_half_of_the_new(small_disk: Path) -> None:
    replace_file(small_disk / "file", b"old")
    with pytest.raises(DiskError, match=r"folder 'disk': there is no room left .* Make room"):
        replace_file(small_disk / "file", bytes(2**21))
    assert (small_disk / "file").read_bytes() == b"old"
    assert [path.name for path in small_disk.iterdir()] == ["file"]


def test_a_run_that_ended_for_lack_of_space_says_so(small_disk: Path) -> None:
    """Its work fills the disk to the last byte: only what was kept for the last words is left."""
    run = queued(small_disk)

    def fill(run: RunFolder) -> str:
        with run.file("huge").open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))

    assert carry_out(run, fill, device="none") == 1
    status = run.read_status()
    assert status.state is RunState.FAILED
    assert status.message.startswith("Nothing more can be written to the folder")
    assert "no room left on the disk" in status.message
    assert not list(run.path.glob(".*.tmp"))


def test_a_run_that_ends_well_leaves_no_spare_room_behind(tmp_path: Path) -> None:
    run = queued(tmp_path)
    held: list[int] = []

    def work(run: RunFolder) -> str:
        held.append(run.file("spare").stat().st_size)
        return "Done."

    assert carry_out(run, work, device="none") == 0
    assert held == [2**16]
    assert not run.file("spare").exists()


def test_a_case_for_which_there_is_no_room_says_so_and_leaves_nothing(small_disk: Path) -> None:
    rows, columns = np.mgrid[:1024, :1024]
    disc = np.clip(255 - np.hypot(rows - 512, columns) / 2, 0, 255).astype(np.uint8)
    root = small_disk / "cases"
    root.mkdir()
    with pytest.raises(DiskError, match="no room left"):
        store_case([b"P5 1024 1024 255\n" + disc.tobytes()], root, keep=keep_mammogram, now=0.0)
    assert list(root.iterdir()) == []


def test_a_disk_that_may_not_be_written_to_is_named_with_what_to_do(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(DiskError, match=r"Read-only file system.* MAMMO_HOME"):
        replace_file(small_disk / "file", b"new")


def test_a_command_whose_home_lies_on_a_disk_for_reading_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(folder: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "disk" / "home"))
    assert main(["runs"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "mammo runs: Nothing more can be written to the folder 'disk': Read-only"
    )
    assert "MAMMO_HOME" in said


def test_a_lock_for_which_there_is_no_place_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    monkeypatch.setattr(Path, "mkdir", refused)
    with (
        pytest.raises(DiskError, match="folder 'tags': there is no room"),
        locked(tmp_path / "tags" / "lock"),
    ):
        pass
