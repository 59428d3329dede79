"""A run is stopped, resumed, watched and listed from the shell; the kill in between is real."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import DataConfig, RunConfig
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus, list_runs
from mammo_core.runs.jobs import create_run, start_worker
from mammo_core.training.recipes import get_recipe, with_changes
from mammo_core.training.series import create_series, fold_configs
from mammo_core.types import CANCER, RunState
from tests.phantoms import put_phantoms

TINY = {
    "prepare.size": "[32, 16]", "optim.batch_size": "8", "optim.epochs": "12", "device": "cpu",
    "workers": "1",
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    put_phantoms(tmp_path / "set", women=24)
    data = DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion")
    config = with_changes(get_recipe("smoke").configure(data, CANCER), TINY)
    return create_run(config, tmp_path / "runs", what="light_cnn", total=12)


def epochs(run: RunFolder) -> list[int]:
    metrics = run.read_metrics()
    return metrics["epoch"].tolist()


@pytest.mark.slow
def test_a_killed_run_is_resumed_and_ends_as_if_it_had_never_died(run: RunFolder) -> None:
    process = start_worker(run, kind="train")
    while len(epochs(run)) < 6 and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = max(epochs(run))
    assert reached < 12
    assert run.read_status().state is RunState.LOST  # at once, its heart just having stopped
    assert main(["resume", run.run_id]) == 0
    assert main(["watch", run.run_id]) == 0
    assert epochs(run) == [epoch for epoch in range(1, 13) for _ in range(2)]
    assert run.is_checkpoint
    assert not run.file("last").exists()


def test_only_what_was_interrupted_can_be_resumed(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run.beat()  # a worker was started for it
    ahead = time.time() + 60
    os.utime(run.file("heartbeat"), (ahead, ahead))  # however long the command takes to start
    assert main(["resume", run.run_id]) == 2
    told = capsys.readouterr().err
    assert f"{run.run_id} is queued" in told
    assert "Its last sign of life was 0 s ago; if it is dead, try again in 30 s." in told
    run.write_status(RunStatus(state=RunState.FINISHED, done=12, total=12))
    assert main(["resume", run.run_id]) == 2
    assert main(["resume", "nobody"]) == 2


def test_runs_are_listed_and_asked_to_stop(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run.beat()
    assert main(["runs"]) == 0
    assert f"{run.run_id:44} queued" in capsys.readouterr().out
    assert main(["stop", run.run_id]) == 0
    assert list_runs(run.path.parent)[0].is_asked_to_stop()


def folds_of(run: RunFolder, *states: RunState) -> tuple[str, list[RunFolder]]:
    """The series of as many folds, each in the state that is told."""
    config = run.settings(RunConfig)
    configs = fold_configs(config, len(states))
    runs = create_series(configs, run.path.parent)
    for fold, state in zip(runs, states, strict=True):
        if state is not RunState.NOT_STARTED:
            fold.write_status(RunStatus(state=state))
            fold.beat()
    return configs[0].series, runs


@pytest.mark.parametrize("is_named", [True, False])
def test_all_of_a_series_that_work_or_wait_are_asked_to_stop(
    is_named: bool, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    states = RunState.FINISHED, RunState.RUNNING, RunState.QUEUED, RunState.NOT_STARTED
    series, runs = folds_of(run, *states)
    earlier = RunFolder(run.path.parent / series)  # put together from folds that were done before
    earlier.path.mkdir()
    earlier.file(MEMBERS_NAME).write_text("{}")
    earlier.write_status(RunStatus(state=RunState.FINISHED))
    assert main(["stop", *([series] if is_named else [runs[0].run_id, "--series"])]) == 0
    assert [fold.is_asked_to_stop() for fold in runs] == [False, True, True, False]
    told = capsys.readouterr().out.split(" will stop")
    assert told[0] == runs[2].run_id  # before the one in front of it makes room
    assert not run.is_asked_to_stop()


def test_what_was_never_started_or_is_over_is_not_stopped(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    series, (first, _) = folds_of(run, RunState.NOT_STARTED, RunState.STOPPED)
    assert main(["stop", first.run_id]) == 2
    assert f"{first.run_id} is not started: there is nothing" in capsys.readouterr().err
    assert main(["stop", series]) == 2
    assert "Of this series, 1 not started, 1 stopped: there is" in capsys.readouterr().err
    assert not first.is_asked_to_stop()
    assert main(["stop", run.run_id, "--series"]) == 2
    assert "stands alone" in capsys.readouterr().err


def test_a_series_that_is_over_is_not_resumed(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    series, _ = folds_of(run, RunState.FINISHED, RunState.RUNNING)
    assert main(["resume", series]) == 2
    told = capsys.readouterr().err
    assert "None of the 2 runs of the series can be resumed: 1 finished, 1 running." in told


@pytest.mark.slow
def test_all_of_a_series_that_can_go_on_are_resumed(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    series, runs = folds_of(run, RunState.FINISHED, RunState.STOPPED, RunState.FAILED)
    shutil.rmtree(run.path.parent.parent / "set")  # they end as soon as they look for it
    assert main(["resume", series]) == 0
    told = capsys.readouterr()
    assert told.out.split() == [str(fold.path) for fold in runs[1:]]
    assert "left as they are: 1 finished." in told.err
    for fold in runs[1:]:
        assert main(["watch", fold.run_id]) == 1
        assert "There is no folder" in fold.read_status().message


def test_a_run_is_named_noted_archived_and_brought_back(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = run.settings_file.read_bytes()
    named = ["runs", run.run_id, "--name", "My best", "--notes", "At night", "--tag", "a"]
    assert main([*named, "--tag", "b"]) == 0
    assert capsys.readouterr().out == f"{run.run_id}: My best\nAt night\na, b\n"
    assert main(["runs", run.run_id, "--archive"]) == 0
    assert main(["runs", run.run_id]) == 0  # a look changes nothing
    assert capsys.readouterr().out.count("My best (archived)") == 2
    assert main(["runs"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["runs", "--all"]) == 0
    assert "My best (archived)." in capsys.readouterr().out
    assert main(["runs", run.run_id, "--restore"]) == 0
    capsys.readouterr()
    assert main(["runs"]) == 0
    assert "My best. " in capsys.readouterr().out
    assert run.settings_file.read_bytes() == settings


def test_naming_no_run_is_refused(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--name", "My best"]) == 2
    assert "Which run?" in capsys.readouterr().err


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.FAILED, RunState.STOPPED])
def test_of_what_is_over_nothing_is_stopped(
    state: RunState, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run.write_status(RunStatus(state=state, done=12, total=12))
    assert main(["stop", run.run_id]) == 2
    assert f"{run.run_id} is {state}: there is nothing to stop." in capsys.readouterr().err
    assert not run.is_asked_to_stop()


@pytest.mark.slow
def test_a_list_of_which_only_the_head_is_read_ends_without_a_complaint(run: RunFolder) -> None:
    for number in range(200):  # more than a pipe holds
        other = RunFolder(run.path.parent / f"run-{number}")
        other.path.mkdir()
        other.write_status(RunStatus(state=RunState.FINISHED, message="Kept the weights. " * 30))
    listing = subprocess.Popen(
        [sys.executable, "-m", "mammo_core.cli", "runs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.readline()
    listing.stdout.close()
    assert listing.stderr.read() == b""
    listing.stderr.close()
    assert listing.wait() == 141


def test_watching_ends_with_the_run_and_tells_how(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run.write_status(RunStatus(state=RunState.FAILED, done=3, total=12, message="Disk full."))
    assert main(["watch", run.run_id]) == 1
    assert capsys.readouterr().out.split() == ["failed", "3", "of", "12", "Disk", "full."]
