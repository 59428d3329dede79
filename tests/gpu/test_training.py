"""Training where there is a CUDA device: `pytest -m gpu tests/gpu`. Elsewhere skipped, and said so.

What a GPU does differently is tried here: one kernel per optimiser step, torch.compile, bf16,
copies beside the work, and a memory that is too small.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mammo_core.config import DataConfig, RunConfig
from mammo_core.errors import RunError
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import create_run, start_worker
from mammo_core.training.batches import EvaluationBatches, TrainingBatches
from mammo_core.training.learning import Course, Progress, learn, read_progress
from mammo_core.training.loop import make_learner
from mammo_core.training.machine import make_fabric
from mammo_core.training.network import make_network
from mammo_core.training.preflight import made_to_fit, read_fitting
from mammo_core.training.recipes import get_recipe, with_changes
from mammo_core.training.session import train
from mammo_core.types import CANCER, RunState, Split
from tests.training.made_up import CONFIG, squares

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no CUDA device"),
]

CUDA = torch.device("cuda")
ON_GPU = replace(CONFIG, device="cuda")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_set(folder, women=24, seed=0, size=(256, 128))
    return folder


@pytest.fixture
def gigabyte() -> Iterator[None]:
    """No more of the GPU's memory than that."""
    total = torch.cuda.get_device_properties(CUDA).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**30 / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def smoke(folder: Path, **changes: str) -> RunConfig:
    data = DataConfig(folder=str(folder), adapter="phantom_set", label_rule="lesion")
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    config = get_recipe("smoke").configure(data, CANCER)
    return with_changes(config, {"device": "cuda", "prepare.size": "[64, 32]", **dotted})


def learned(path: Path, settings: RunConfig, *, is_killed_after: int | None = None) -> Progress:
    path.mkdir(exist_ok=True)
    course = Course(
        run=RunFolder(path),
        config=settings,
        fabric=make_fabric(settings),
        images={Split.TRAIN: squares(24), Split.VAL: squares(12, seed=1)},
    )
    if is_killed_after is not None:
        epochs = replace(settings.optim, epochs=is_killed_after, schedule="constant")
        course = replace(course, config=replace(settings, optim=epochs))
    return learn(course, make_network(settings, CUDA))


def test_an_epoch_in_bf16_fused_and_compiled_ends_as_a_checkpoint(
    phantoms: Path, tmp_path: Path
) -> None:
    config = smoke(
        phantoms, precision="bf16-mixed", optim__epochs="1", optim__warmup_epochs="0",
        optim__is_compiled="true", optim__ema_decay="0.9",
    )  # fmt: skip
    run = create_run(config, tmp_path, what="test", total=1)
    start_worker(run, kind="train").wait(timeout=300)
    status = run.read_status()
    assert status.state is RunState.FINISHED, status.message
    assert read_card(run.file("model_card.json")).training.device == "cuda"
    assert not [name for name in load_file(run.file("weights.safetensors")) if "_orig_mod" in name]


@pytest.mark.parametrize(("precision", "is_fused"), [("bf16-mixed", True), ("16-mixed", False)])
def test_a_step_is_one_kernel_but_where_gradients_are_scaled_and_clipped(
    precision: str, is_fused: bool
) -> None:
    settings = replace(ON_GPU, precision=precision)
    fabric = make_fabric(settings)
    learner = make_learner(fabric, make_network(settings, CUDA).classifier, settings.optim)
    assert {group["fused"] for group in learner.optimizer.param_groups} == {is_fused}
    images, target = torch.zeros(2, 1, 32, 16, device=CUDA), torch.tensor([0, 1], device=CUDA)
    loss = torch.nn.functional.cross_entropy(learner.network(images), target)
    fabric.backward(loss)
    fabric.clip_gradients(learner.network, learner.optimizer, max_norm=1.0)
    learner.optimizer.step()


@pytest.mark.parametrize("precision", ["32-true", "16-mixed", "bf16-mixed"])
def test_a_run_that_was_interrupted_ends_where_a_whole_one_does(
    precision: str, tmp_path: Path
) -> None:
    """To rounding: on a GPU the order of sums is not fixed, and a few epochs make it grow."""
    optim = replace(CONFIG.optim, epochs=4, schedule="constant", ema_decay=0.9, learning_rate=1e-4)
    settings = replace(ON_GPU, precision=precision, optim=optim)
    whole = learned(tmp_path / "whole", settings)
    learned(tmp_path / "broken", settings, is_killed_after=2)
    assert len(read_progress(tmp_path / "broken" / "last").history) == 2
    again = learned(tmp_path / "broken", settings)
    assert len(again.history) == len(whole.history) == 4
    assert again.train_losses == pytest.approx(whole.train_losses, rel=0.02)
    one, other = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "broken")
    )
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=0.05, atol=0.01, msg=name)


def test_training_is_the_same_to_the_bit_where_that_is_asked_for(tmp_path: Path) -> None:
    """Under a mean pooling: torch has none for maxima whose gradients add up in a fixed order."""
    model = replace(CONFIG.model, pooling="avg")
    settings = replace(ON_GPU, model=model, is_deterministic=True)
    try:
        first, second = (learned(tmp_path / name, settings) for name in ("first", "second"))
    finally:
        torch.use_deterministic_algorithms(False)
    assert first.train_losses == second.train_losses
    one, other = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("first", "second")
    )
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_what_does_not_fit_fails_with_a_batch_that_does(
    phantoms: Path, tmp_path: Path, gigabyte: None
) -> None:
    config = smoke(
        phantoms, prepare__size="[2048, 1024]", optim__batch_size="32", optim__epochs="1",
        optim__warmup_epochs="0",
    )  # fmt: skip
    run = create_run(config, tmp_path, what="large", total=1)
    with pytest.raises(RunError, match="has not enough memory for 32 images of 2048 x 1024"):
        train(run)
    fitting = read_fitting(run)
    assert fitting is not None
    assert fitting.batch_size < 32
    assert fitting.batch_size * fitting.accumulate >= 32
    again = create_run(made_to_fit(config, fitting), tmp_path, what="fitting", total=1)
    again.write_status(RunStatus(state=RunState.RUNNING))
    assert train(again).startswith("Kept the weights of epoch 1")


def test_batches_on_the_gpu_are_those_of_the_processor() -> None:
    here, there = (
        TrainingBatches(images=squares(32), config=CONFIG, device=device)
        for device in (torch.device("cpu"), CUDA)
    )
    for (images, said), (ours, told) in zip(here.epoch(1), there.epoch(1), strict=True):
        assert ours.device.type == told.device.type == "cuda"
        torch.testing.assert_close(ours.cpu(), images, rtol=1e-3, atol=1e-3)
        assert torch.equal(told.cpu(), said)


def test_nothing_is_read_before_it_has_arrived() -> None:
    """The copies run beside the work: many batches, each looked at while the next one is sent."""
    images = squares(64)
    batches = EvaluationBatches(images=images, config=CONFIG, device=CUDA)
    grey = images.images.take(np.arange(64)).astype(np.float32) / 65535
    expected = torch.from_numpy((grey - 0.5) / 0.25)[:, None]
    for _ in range(20):
        seen = torch.cat([inputs for inputs, _ in batches.epoch(0)])
        torch.testing.assert_close(seen.cpu(), expected, rtol=1e-5, atol=1e-5)
