"""Folds, searches and processes that train together, on a cluster and on one computer."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mammo_core.config import DataConfig, ModelConfig
from mammo_core.files import checkpoints_root
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import start_run
from mammo_core.runs.searches import SearchConfig, best_trial, trials_of
from mammo_core.training.series import fold_configs, join_folds, start_series
from mammo_core.types import RunState
from tests.conftest import PhantomSet
from tests.places.conftest import ThreeNodes
from tests.places.test_runs_on_ray import wait_until
from tests.training.made_up import CONFIG
from tests.training.test_processes import trained_by_two
from tests.training.test_worker import tiny_config

pytestmark = pytest.mark.slow


def out_of_fold(folder: Path, *, is_here: bool) -> pd.DataFrame:
    base = tiny_config(folder, epochs=2)
    configs = fold_configs(replace(base, data=replace(base.data, val_fraction=0.3)), 3)
    runs = start_series(configs, checkpoints_root(), is_here=is_here)
    wait_until(lambda: all(run.read_status().state.is_over for run in runs), seconds=900)
    assert [run.read_log(last_lines=5) for run in runs if not run.is_checkpoint] == []
    joined = join_folds(configs[0].series, checkpoints_root())
    return pd.read_csv(joined.predictions_file).drop(columns="model_id")


def test_folds_on_three_nodes_come_to_the_table_that_they_come_to_on_one(
    cluster: ThreeNodes, phantom_set: PhantomSet
) -> None:
    forty_women = phantom_set(40)
    there = out_of_fold(forty_women, is_here=False)
    here = out_of_fold(forty_women, is_here=True)
    pd.testing.assert_frame_equal(there, here)
    assert there["group_id"].nunique() == 40


def test_two_processes_of_a_cluster_learn_what_two_of_torchrun_do(
    cluster: ThreeNodes, twenty_four_women: Path, tmp_path: Path
) -> None:
    data = DataConfig(folder=str(twenty_four_women), adapter="phantom_set", label_rule="lesion")
    config = replace(
        CONFIG,
        data=data,
        model=ModelConfig(backbone="test_convnext"),
        prepare=replace(CONFIG.prepare, size=(64, 32)),
        optim=replace(CONFIG.optim, optimizer="sgd", learning_rate=0.01),
        workers=1,
    )
    (run,) = start_series([config], checkpoints_root(), ranks=2)
    wait_until(lambda: run.read_status().state.is_over, seconds=900)
    assert run.read_status().state is RunState.FINISHED, run.read_log(last_lines=20)
    assert run.card().training.devices == 2
    other = trained_by_two(config, tmp_path)
    ours, theirs = (load_file(one.file("weights.safetensors")) for one in (run, other))
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-4, atol=1e-6, msg=name)


def test_a_search_keeps_every_trial_and_says_on_the_card_how_many_there_were(
    cluster: ThreeNodes, twenty_four_women: Path
) -> None:
    base = tiny_config(twenty_four_women, epochs=4)
    search = SearchConfig(base=base, over={"optim.learning_rate": "log:1e-5..1e-1"}, trials=5)
    job = start_run(search, checkpoints_root(), what="search", total=5)
    wait_until(lambda: job.read_status().state.is_over, seconds=900)
    status = job.read_status()
    assert status.state is RunState.FINISHED, f"{status.message}{job.read_log(last_lines=30)}"
    tried = trials_of(job.run_id, checkpoints_root())
    assert [trial.number for trial, _ in tried] == [1, 2, 3, 4, 5]
    drawn = [float(trial.changes["optim.learning_rate"]) for trial, _ in tried]
    assert len(set(drawn)) == 5
    assert all(1e-5 <= rate <= 1e-1 for rate in drawn)
    assert all(
        run.document()["optim"]["learning_rate"] == rate
        for (_, run), rate in zip(tried, drawn, strict=True)
    )
    best = best_trial(search, job.run_id, checkpoints_root())
    assert best is not None
    assert best[1].run_id in status.message
    assert f"Trial {best[0].number} of the 5 of a search" in " ".join(best[1].card().limits)
    table = pd.read_csv(job.file("trials.csv"))
    assert len(table) == 5
    assert set(table["state"]) <= {"finished", "stopped"}
    whole = table[table["is_whole"]]
    assert RunFolder(checkpoints_root() / whole["run"].iloc[0]).is_checkpoint
    assert (
        whole["best validation auc"].max()
        == whole.set_index("run").loc[best[1].run_id, "best validation auc"]
    )
