"""A run on a cluster reads, stops and resumes as one on this computer."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mammo_core.cli import main
from mammo_core.config import EvaluateConfig
from mammo_core.files import cache_root, checkpoints_root, home
from mammo_core.places.check import check_cluster
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.runs.jobs import resume_run, start_run, stop_run
from mammo_core.training.series import start_series
from mammo_core.types import RunState
from tests.inference.made_up import write_checkpoint
from tests.places.conftest import ThreeNodes
from tests.training.test_worker import tiny_config

pytestmark = pytest.mark.slow


def wait_until(told: Callable[[], bool], *, seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.3)


def started(folder: Path, *, epochs: int) -> RunFolder:
    (run,) = start_series([tiny_config(folder, epochs=epochs)], checkpoints_root())
    return run


def test_the_check_finds_nothing_wrong_with_three_nodes_of_one_computer(
    cluster: ThreeNodes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["place", "check"]) == 0
    told = capsys.readouterr().out
    assert "The cluster answers: 3 nodes; 3 of 3 CPUs and no GPU free" in told
    assert "Python is 3." in told
    assert told.count("all 3 nodes") == 5  # three versions, two folders
    assert "problem" not in told


def can_hide_folders() -> bool:
    tried = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
    return tried.returncode == 0


@pytest.mark.skipif(
    not can_hide_folders(), reason="NOT TESTED: a node without the folder. It takes a root account"
)
def test_a_node_without_the_shared_folder_and_another_version_are_found(
    cluster: ThreeNodes,
) -> None:
    home().mkdir()
    cluster.tell(f"blind {home()}")
    try:
        found = check_cluster(cluster.address, own_program="another")
    finally:
        cluster.tell("gone")
    told = [one.words for one in found if not one.is_well]
    assert len(told) == 2
    assert "This program is another here, and another on 4 of 4 nodes" in told[0]
    assert "MAMMO_HOME" in told[1]
    assert "is not shared with 1 of 4 nodes" in told[1]


def test_a_data_set_scored_on_a_cluster_has_the_predictions_it_has_here(
    cluster: ThreeNodes, twelve_women: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkpoints_root() / "made-up"
    folder.mkdir(parents=True)
    write_checkpoint(folder)
    RunFolder(folder).write_status(RunStatus(state=RunState.FINISHED))
    config = EvaluateConfig(
        checkpoint="made-up",
        folder=str(twelve_women),
        adapter="phantom_set",
        label_rule="lesion",
        processes=1,
    )
    there = start_run(config, checkpoints_root(), what="evaluate", total=0)
    here = start_run(config, checkpoints_root(), what="evaluate", total=0, is_here=True)
    for run in (there, here):
        wait_until(lambda run=run: run.read_status().state.is_over)
        assert run.read_status().state is RunState.FINISHED, run.read_log(last_lines=20)
    assert there.predictions_file.read_bytes() == here.predictions_file.read_bytes()
    assert [file for file in (cache_root() / "pieces").rglob("*") if file.is_file()]


def test_a_training_started_in_the_shell_ends_as_a_checkpoint(
    cluster: ThreeNodes, twelve_women: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ["prepare.size=[32, 16]", "optim.batch_size=8", "optim.epochs=1", "device=cpu"]
    asked = ["train", "--recipe", "smoke", "--data", str(twelve_women), "--wait"]
    assert main(asked + [part for one in sets for part in ("--set", one)]) == 0
    (run,) = list_runs(checkpoints_root())
    assert run.is_checkpoint
    assert run.file("place.json").exists()
    assert "finished" in capsys.readouterr().err


def test_a_run_is_stopped_and_resumed_from_its_folder(
    cluster: ThreeNodes, twelve_women: Path
) -> None:
    run = started(twelve_women, epochs=400)
    wait_until(lambda: run.read_status().done >= 1)
    stop_run(run)
    wait_until(lambda: run.read_status().state is RunState.STOPPED)
    done = run.read_status().done
    resume_run(run)
    wait_until(lambda: run.read_status().done > done)
    stop_run(run)
    wait_until(lambda: run.read_status().state is RunState.STOPPED)


def test_a_run_whose_node_is_lost_is_seen_as_lost_and_resumes_to_the_same_result(
    cluster: ThreeNodes, twelve_women: Path
) -> None:
    runs = [started(twelve_women, epochs=60) for _ in range(3)]  # one on each node
    wait_until(lambda: all(run.read_status().done >= 2 for run in runs))
    cluster.tell("kill")
    wait_until(lambda: any(run.read_status().state is RunState.LOST for run in runs))
    cluster.tell("add")
    (gone,) = (run for run in runs if run.read_status().state is RunState.LOST)
    assert 2 <= gone.read_status().done < 60
    assert not gone.is_checkpoint
    resume_run(gone)
    wait_until(lambda: all(run.read_status().state.is_over for run in runs))
    assert [run.read_log(last_lines=5) for run in runs if not run.is_checkpoint] == []
    other = next(run for run in runs if run != gone)
    resumed, whole = (load_file(run.weights_file) for run in (gone, other))
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    tables = [pd.read_csv(run.predictions_file).drop(columns="model_id") for run in (gone, other)]
    pd.testing.assert_frame_equal(*tables)


def test_a_run_in_line_is_told_as_such_and_taken_out_of_it(
    cluster: ThreeNodes, twelve_women: Path
) -> None:
    running = [started(twelve_women, epochs=400) for _ in range(3)]
    wait_until(lambda: all(run.read_status().state is RunState.RUNNING for run in running))
    last = started(twelve_women, epochs=400)
    wait_until(lambda: last.read_status().message == "Waiting for room on the cluster.")
    stop_run(last)
    assert last.read_status().state is RunState.STOPPED
    for run in running:
        stop_run(run)
    wait_until(lambda: all(run.read_status().state is RunState.STOPPED for run in running))
