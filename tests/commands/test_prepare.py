"""Preparing a data set ahead, from the command line and as a job."""

from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import CacheConfig, PrepareSettings
from mammo_core.files import home
from mammo_core.runs.jobs import create_run, start_worker
from mammo_core.types import RunState
from tests.phantoms import put_phantoms


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two made-up women with four images each."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "set", women=2)
    return tmp_path / "set"


def test_what_it_would_take_is_told_and_nothing_is_made(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(folder), "--size", "32", "16", "--plan"]) == 0
    told = capsys.readouterr().out
    assert "8 images as 32 x 16, 8 to prepare" in told
    assert "GB are free" in told
    assert not (tmp_path / "home/cache").exists()


@pytest.mark.slow
def test_images_are_prepared_once_and_what_cannot_be_read_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = sorted(folder.rglob("*.png"))[0]
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    command = ["prepare", str(folder), "--size", "32", "16", "--processes", "1"]
    assert main(command) == 1
    told = capsys.readouterr()
    assert "7 images prepared. 1 cannot be read" in told.out
    assert f"{broken}: " in told.err
    assert main([*command, "--plan"]) == 0
    assert "8 images as 32 x 16, 1 to prepare" in capsys.readouterr().out


def test_settings_that_cannot_work_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(folder), "--size", "4", "16"]) == 2
    assert "Image size is 4 x 16" in capsys.readouterr().err


@pytest.mark.slow
def test_as_a_job_it_reports_and_finishes_like_any_run(folder: Path) -> None:
    config = CacheConfig(
        name="made up",
        folder=str(folder),
        adapter="phantom_set",
        label_rule="lesion",
        prepare=PrepareSettings(size=(32, 16)),
        processes=1,
    )
    run = create_run(config, home() / "preparations", what="prepare", total=8)
    assert start_worker(run, kind=config.kind).wait() == 0
    status = run.read_status()
    assert (status.state, status.done, status.total) == (RunState.FINISHED, 8, 8)
    assert status.message == "8 images prepared."
