"""One kernel per step, and torch.compile: the same training, told apart by nothing but its pace."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from mammo_core.config import RunConfig
from mammo_core.runs.folder import RunFolder
from mammo_core.training.batches import TrainingBatches
from mammo_core.training.learning import Course, Progress, learn
from mammo_core.training.loop import make_learner
from mammo_core.training.losses import plain_loss
from mammo_core.training.machine import make_fabric, why_not_compiled, why_not_twice
from mammo_core.training.network import make_network
from mammo_core.types import CANCER, Split
from tests.training.made_up import CONFIG, config, squares
from tests.training.test_state import killed_after

CPU = torch.device("cpu")
needs_compiler = pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")),
    reason="torch.compile needs a C++ compiler on a CPU; there is none here",
)


@pytest.mark.parametrize("is_deterministic", [True, False])
def test_training_is_the_same_to_the_bit_where_that_is_asked_for(
    is_deterministic: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    settings = replace(config(epochs=1), is_deterministic=is_deterministic)
    before = torch.backends.cudnn.benchmark
    try:
        make_fabric(settings)
        assert torch.are_deterministic_algorithms_enabled() == is_deterministic
        assert torch.backends.cudnn.benchmark != is_deterministic
        assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == is_deterministic
        learned(tmp_path, settings)  # nothing it does is refused
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = before
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def test_a_run_alone_on_the_second_machine_of_an_allocation_of_slurm_stands_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {"JOB_ID": "7", "JOB_NAME": "mammoscope", "NTASKS": "2", "NNODES": "2", "PROCID": "1"}
    for name, value in told.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    fabric = make_fabric(CONFIG)
    assert (fabric.world_size, fabric.global_rank) == (1, 0)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_every_optimiser_steps_in_one_kernel(optimizer: str) -> None:
    settings = config(optimizer=optimizer)
    fabric = Fabric(accelerator="cpu", devices=1)
    learner = make_learner(fabric, make_network(settings, CPU).classifier, settings.optim)
    assert {group["fused"] for group in learner.optimizer.param_groups} == {True}


def test_one_kernel_steps_as_one_weight_after_the_other_does() -> None:
    """On weights laid out channels last, as training has them."""
    settings = config(learning_rate=0.01)
    fabric = Fabric(accelerator="cpu", devices=1)
    batches = TrainingBatches(images=squares(16), config=settings, device=CPU)
    stepped = []
    for is_fused in (True, False):
        learner = make_learner(fabric, make_network(settings, CPU).classifier, settings.optim)
        for group in learner.optimizer.param_groups:
            group["fused"] = is_fused
        for inputs, targets in (*batches.epoch(1), *batches.epoch(2)):
            learner.optimizer.zero_grad()
            plain_loss(CANCER)(learner.network(inputs), targets).backward()
            learner.optimizer.step()
        stepped.append(learner.module.state_dict())
    for name, tensor in stepped[0].items():
        torch.testing.assert_close(tensor, stepped[1][name], rtol=1e-4, atol=1e-5, msg=name)


def learned(folder: Path, settings: RunConfig) -> Progress:
    folder.mkdir(exist_ok=True)
    course = Course(
        run=RunFolder(folder),
        config=settings,
        fabric=Fabric(accelerator="cpu", devices=1),
        images={Split.TRAIN: squares(24), Split.VAL: squares(12, seed=1)},
    )
    return learn(course, make_network(settings, CPU))


@pytest.mark.parametrize(
    ("is_compiled", "told"),
    [
        pytest.param(True, "Compiling the network. Epoch 1 of 2 is next.", marks=pytest.mark.slow),
        (False, "Epoch 1 of 2 is next."),
    ],
)
def test_what_goes_on_before_the_first_batch_is_told(
    is_compiled: bool, told: str, tmp_path: Path
) -> None:
    """It is compiled at the first batch; the images were ready long before."""
    settings = config(epochs=2)
    compiled = replace(settings, optim=replace(settings.optim, is_compiled=is_compiled))
    killed_after(tmp_path, compiled, batches=0)
    assert RunFolder(tmp_path).read_metrics().empty
    status = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    assert status["message"] == told


@pytest.mark.slow
@needs_compiler
def test_a_compiled_network_is_kept_resumed_and_judged_as_the_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    plain = replace(config(epochs=2), model=replace(CONFIG.model, backbone="conv2", pooling="avg"))
    compiled = replace(plain, optim=replace(plain.optim, is_compiled=True))
    expected, whole = learned(tmp_path / "plain", plain), learned(tmp_path / "whole", compiled)
    (tmp_path / "broken").mkdir()
    killed_after(tmp_path / "broken", compiled, batches=4)  # an epoch has three
    resumed = learned(tmp_path / "broken", compiled)
    assert resumed.history == whole.history
    assert whole.train_losses == pytest.approx(expected.train_losses, rel=1e-4)
    ours, theirs, again = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("plain", "whole", "broken")
    )
    assert ours.keys() == theirs.keys()  # no name tells that it was compiled
    for name, tensor in theirs.items():
        assert torch.equal(tensor, again[name]), name
        torch.testing.assert_close(tensor, ours[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.slow
def test_what_cannot_be_compiled_is_told_in_words() -> None:
    def no_compiler(graph: Any, inputs: Any) -> Any:
        raise FileNotFoundError("there is no g++")

    network = torch.compile(torch.nn.Linear(2, 2), backend=no_compiler)
    with pytest.raises(RuntimeError) as failed:
        network(torch.zeros(1, 2))
    told = why_not_compiled(failed.value)
    assert told is not None
    assert "there is no g++" in told
    assert "Set optim.is_compiled to false" in told
    assert why_not_compiled(RuntimeError("the disk is full")) is None


def test_a_step_that_no_gpu_does_twice_alike_is_named() -> None:
    """In the words of `torch.use_deterministic_algorithms`."""
    told = why_not_twice(
        RuntimeError(
            "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but "
            "you set 'torch.use_deterministic_algorithms(True)'. You can turn off determinism ..."
        )
    )
    assert told is not None
    assert "one step of this network (adaptive_avg_pool2d_backward_cuda) cannot be" in told
    assert "set is_deterministic to false" in told
    assert why_not_twice(RuntimeError("the disk is full")) is None
