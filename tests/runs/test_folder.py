import os
from pathlib import Path

import pytest

from mammo_core.errors import RunError
from mammo_core.runs.folder import RunFolder, RunStatus, find_run, list_runs
from mammo_core.types import RunState


def a_run(root: Path, name: str, state: RunState = RunState.FINISHED) -> RunFolder:
    run = RunFolder(root / name)
    run.path.mkdir(parents=True)
    run.write_status(RunStatus(state=state, done=1, total=4))
    return run


def test_a_status_survives_the_disk(tmp_path: Path) -> None:
    run = a_run(tmp_path, "r1")
    assert run.read_status() == RunStatus(state=RunState.FINISHED, done=1, total=4)
    assert run.read_status().progress == 0.25


def test_a_half_written_metrics_line_waits_for_the_next_read(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_metrics({"epoch": 1, "split": "val", "loss": 0.5})
    with run.file("metrics.jsonl").open("a") as stream:
        stream.write('{"epoch": 2, "spl')
    assert run.read_metrics()["epoch"].tolist() == [1]


@pytest.mark.parametrize(
    "line", ["", "7", "[]", '{"epoch": 1', "{}", "[" * 100_000, "\N{PILCROW SIGN}"]
)
def test_a_metrics_line_that_a_kill_cut_short_is_left_out(tmp_path: Path, line: str) -> None:
    run = RunFolder(tmp_path)
    run.append_metrics({"epoch": 1, "split": "val", "loss": 0.5})
    with run.file("metrics.jsonl").open("a") as stream:
        stream.write(line + "\n")
    run.append_metrics({"epoch": 2, "split": "val", "loss": 0.4})
    assert run.read_metrics()["epoch"].tolist() == [1, 2]


@pytest.mark.parametrize(("done", "total", "progress"), [(-5, 4, 0), (9, 4, 1), (1, 0, 0)])
def test_progress_stays_between_nothing_and_all(done: int, total: int, progress: float) -> None:
    assert RunStatus(state=RunState.RUNNING, done=done, total=total).progress == progress


def test_a_live_run_that_stops_beating_reads_as_lost(tmp_path: Path) -> None:
    run = a_run(tmp_path, "r1", RunState.RUNNING)
    run.beat()
    beaten = run.file("heartbeat").stat().st_mtime
    assert run.read_status(now=beaten + 29).state is RunState.RUNNING
    assert run.read_status(now=beaten + 31).state is RunState.LOST


def test_a_finished_run_is_never_lost(tmp_path: Path) -> None:
    run = a_run(tmp_path, "r1")
    run.beat()
    os.utime(run.file("heartbeat"), (0, 0))
    assert run.read_status().state is RunState.FINISHED


def test_a_broken_status_is_a_sentence(tmp_path: Path) -> None:
    run = a_run(tmp_path, "r1")
    run.file("status.json").write_text('{"state": "dancing"}')
    with pytest.raises(RunError, match="'dancing'; allowed: queued, running"):
        run.read_status()


def test_runs_are_listed_newest_first_and_the_first_root_wins(tmp_path: Path) -> None:
    mine, shipped = tmp_path / "mine", tmp_path / "shipped"
    a_run(mine, "20260101-a")
    a_run(shipped, "20260101-a")
    a_run(shipped, "20260202-b")
    runs = list_runs(mine, shipped)
    assert [run.run_id for run in runs] == ["20260202-b", "20260101-a"]
    assert runs[1].path.parent == mine


def test_a_checkpoint_with_a_name_of_its_own_is_no_newer_than_a_run(tmp_path: Path) -> None:
    for name in ("zebra", "20260101-120000-light_cnn-0a1b", "20260102-120000-light_cnn-0a1b"):
        a_run(tmp_path, name)
    listed = [run.run_id[:8] for run in list_runs(tmp_path)]
    assert listed == ["20260102", "20260101", "zebra"]


@pytest.mark.parametrize("name", ["../secrets", "/etc", "nothing"])
def test_a_name_that_is_no_run_is_refused(tmp_path: Path, name: str) -> None:
    a_run(tmp_path, "r1")
    with pytest.raises(RunError, match="There is no run named"):
        find_run(name, tmp_path)


def test_a_run_nobody_has_started_is_not_lost_however_old(tmp_path: Path) -> None:
    run = a_run(tmp_path, "r1", RunState.QUEUED)
    run.settings_file.touch()
    os.utime(run.settings_file, (0, 0))
    told = run.read_status()
    assert told.state is RunState.NOT_STARTED
    assert not told.state.is_over
    assert told.message == "Nobody has started it yet: use torchrun, or mammo resume r1."
    run.beat()
    assert run.read_status().state is RunState.QUEUED


def test_a_finished_model_stays_finished_when_its_worker_is_killed_afterwards(
    tmp_path: Path,
) -> None:
    """The card is written last of all that makes a model; baselines are measured after it."""
    run = a_run(tmp_path, "r1", RunState.RUNNING)
    run.file("heartbeat").touch()
    os.utime(run.file("heartbeat"), (0.0, 0.0))
    assert run.read_status().state is RunState.LOST
    run.card_file.write_text("{}")
    status = run.read_status()
    assert status.state is RunState.FINISHED
    assert status.message.endswith("after the model was finished; the baselines may be missing.")
