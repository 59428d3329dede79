"""Two processes give the weights that one gives with the same batch, to rounding."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file

from mammo_core.config import BalanceConfig, DataConfig, ModelConfig, RunConfig
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run
from mammo_core.types import RunState
from mammo_core.worker import main
from tests.phantoms import put_phantoms
from tests.training.made_up import CONFIG

ROOT = Path(__file__).resolve().parents[2]
WORKER = ["-m", "mammo_core.worker", "train"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    put_phantoms(folder, women=24)
    return folder


def trained_here(config: RunConfig, root: Path) -> RunFolder:
    run = create_run(config, root, what="test", total=config.optim.epochs)
    assert main("train", run.path) == 0
    return run


def trained_by_two(config: RunConfig, root: Path) -> RunFolder:
    run = create_run(config, root, what="test", total=config.optim.epochs)
    environment = os.environ | {"MAMMO_HOME": str(root / "home"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *TORCHRUN, *WORKER, str(run.path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
    assert run.read_status().state is RunState.FINISHED
    return run


@pytest.mark.parametrize(
    ("backbone", "norm", "weights"),
    [
        pytest.param("test_convnext", "own", "balanced", marks=pytest.mark.slow),
        pytest.param("test_resnet", "frozen", "none", marks=pytest.mark.slow),
    ],
)
def test_two_processes_train_as_one_does(
    backbone: str,
    norm: str,
    weights: Literal["none", "balanced"],
    phantoms: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    data = DataConfig(folder=str(phantoms), adapter="phantom_set", label_rule="lesion")
    config = replace(
        CONFIG,
        data=data,
        model=ModelConfig(backbone=backbone),
        prepare=replace(CONFIG.prepare, size=(64, 32)),
        optim=replace(CONFIG.optim, norm=norm, optimizer="sgd", learning_rate=0.01, momentum=0.9),
        workers=1,
    )
    config = replace(config, balance=BalanceConfig(class_weights=weights))
    config.check()
    alone, together = trained_here(config, tmp_path), trained_by_two(config, tmp_path)
    one, two = (load_file(run.file("weights.safetensors")) for run in (alone, together))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=1e-3, atol=1e-5, msg=name)
    metrics = [run.read_metrics() for run in (alone, together)]
    assert metrics[1]["epoch"].tolist() == [1, 1, 2, 2]  # told by the first process alone
    assert metrics[1]["loss"].tolist() == pytest.approx(metrics[0]["loss"].tolist(), abs=0.02)
    moved = max(float(tensor.abs().max()) for name, tensor in one.items() if "fc.bias" in name)
    assert moved > 1e-4  # something was learnt


@pytest.mark.slow
def test_processes_that_judge_differently_go_by_the_first(tmp_path: Path) -> None:
    """Their norms have measured different images. Did each follow its own judgement, one would end
    early and the other wait for it forever.
    """
    command = [sys.executable, *TORCHRUN, "-m", "tests.training.two_judges", str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    epochs = [(tmp_path / f"{rank}.txt").read_text() for rank in (0, 1)]
    assert epochs == ["3", "3"]  # the first sees no epoch better than its first; patience is 2
