"""What leaves as ONNX or TorchScript says what torch says, of whatever a checkpoint looks at."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mammo_core.config import ModelConfig, PatchConfig
from mammo_core.errors import CheckpointError
from mammo_core.files import shipped_checkpoints_root
from mammo_core.inference.checkpoint import Checkpoint
from mammo_core.inference.leaving import (
    input_shape,
    load_whatever,
    trial_of,
    write_onnx,
    write_torchscript,
)
from mammo_core.scores import probabilities_of, scores_of
from mammo_core.types import CANCER, Task
from mammo_core.zoo.build import build_model
from mammo_core.zoo.freezing import last_layer
from mammo_core.zoo.openvino import load_network
from tests.inference.made_up import card
from tests.inference.test_engine import with_network

DENSITY = Task(
    name="density", title="Density", classes=("A", "B", "C", "D"), positive=("C", "D"),
    is_ordered=True,
)  # fmt: skip


def made(
    model: ModelConfig, *, task: Task = CANCER, patches: PatchConfig | None = None
) -> Checkpoint:
    """A checkpoint of random weights, its norms' statistics among them, that is sure of nothing."""
    torch.manual_seed(3)
    network = build_model(model, task=task, channels=1).eval()
    own = replace(card("1" * 64), model=model, task=task, patches=patches)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.dtype.is_floating_point:
                value.add_(0.05 * torch.rand_like(value))
        said = network(torch.from_numpy(trial_of(own)))
        last = network.trunk.get_submodule(last_layer(network))
        last.weight.mul_(2.0 / (said.max() - said.min()))  # logits two apart
        last.bias.mul_(0.0)
    return Checkpoint(folder=Path(), card=own, model=network)


SMALL = ModelConfig(backbone="light_cnn")
KINDS: Mapping[str, Checkpoint] = {
    "one network": made(SMALL),
    "density": made(SMALL, task=DENSITY),
    "patches": made(SMALL, patches=PatchConfig(size=48)),
    "two views": made(replace(SMALL, views=2)),
    "committee": made(ModelConfig(backbone="timm:test_efficientnet", members=2)),
}
NEEDS = {
    "patches": (1, 48, 48),
    "two views": (2, 1, 64, 32),
}


@pytest.mark.parametrize(
    "kind",
    [
        "one network",
        pytest.param("density", marks=pytest.mark.slow),
        pytest.param("patches", marks=pytest.mark.slow),
        "two views",
        "committee",
    ],
)
def test_as_onnx_every_kind_of_model_says_what_torch_says(kind: str, tmp_path: Path) -> None:
    checkpoint = KINDS[kind]
    assert write_onnx(checkpoint, tmp_path / "model.onnx") <= 1e-4
    batch = trial_of(checkpoint.card)
    assert batch.shape[1:] == NEEDS.get(kind, (1, 64, 32)) == input_shape(checkpoint.card)
    logits, shares, scores = load_network(tmp_path / "model.onnx", "fp32")([batch])
    with torch.inference_mode():
        expected = checkpoint.model(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert np.ptp(expected) > 0.5  # else zeros would do
    stored = probabilities_of(expected)
    np.testing.assert_allclose(shares, stored, atol=1e-4)
    np.testing.assert_allclose(scores, scores_of(stored, checkpoint.card.task), atol=1e-4)


def test_as_torchscript_too_and_for_any_number_of_cases(tmp_path: Path) -> None:
    checkpoint = KINDS["two views"]
    assert write_torchscript(checkpoint, tmp_path / "model.pt") <= 1e-4
    alone = torch.from_numpy(trial_of(checkpoint.card)[:1])
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=FutureWarning)
        scores = torch.jit.load(tmp_path / "model.pt")(alone)[2]
        expected = checkpoint.model(alone).softmax(dim=1)[:, 1]
    torch.testing.assert_close(scores, expected)


def test_leaving_does_not_set_the_model_to_training(tmp_path: Path) -> None:
    """torch sets what it has exported back to how it found it, all its parts alike."""
    checkpoint = KINDS["one network"]
    write_onnx(checkpoint, tmp_path / "model.onnx")
    assert not any(part.training for part in checkpoint.model.modules())


class _Counts(torch.nn.Module):
    """Another network at every call: what is traced is not what torch then says."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(1, 2)
        self.calls = 0

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return images.mean(dim=(2, 3), keepdim=True) * float(self.calls)

    def forward_head(self, features: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return self.fc(features.flatten(1))


def test_what_differs_from_torch_is_not_handed_over(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"as ONNX differs from torch by .*not handed over"):
        write_onnx(with_network(_Counts()), tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["phantom-light", "rsna-mobilenetv2", "rsna-density", "ddsm-lesions-mobilenetv2"]
)
def test_every_model_that_ships_can_leave(name: str, tmp_path: Path) -> None:
    checkpoint = load_whatever(shipped_checkpoints_root() / name)
    assert write_onnx(checkpoint, tmp_path / "model.onnx") <= 1e-4
    assert write_torchscript(checkpoint, tmp_path / "model.pt") <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_networks_of_every_build_can_leave(backbone: str, tmp_path: Path) -> None:
    checkpoint = made(ModelConfig(backbone=f"timm:{backbone}"))
    assert write_onnx(checkpoint, tmp_path / "model.onnx") <= 1e-4


@pytest.mark.slow
def test_what_onnx_has_no_word_for_is_refused_and_leaves_as_torchscript(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = made(ModelConfig(backbone="timm:test_vit"))  # it stretches its places to the image
    with pytest.raises(CheckpointError, match=r"cannot be written as ONNX.* Try --torchscript\."):
        write_onnx(checkpoint, tmp_path / "model.onnx")
    assert capfd.readouterr().out == ""
    assert write_torchscript(checkpoint, tmp_path / "model.pt") <= 1e-4


@pytest.mark.parametrize("write", [write_onnx, write_torchscript])
def test_a_model_that_answers_for_each_place_is_not_handed_on(
    write: Callable[[Checkpoint, Path], float], tmp_path: Path
) -> None:
    plain = KINDS["one network"]
    model = ModelConfig(backbone="published:nyu-views", views=4)
    placed = replace(plain, card=replace(plain.card, model=model))
    with pytest.raises(CheckpointError, match="wants each view in its place"):
        write(placed, tmp_path / "network")
    assert not list(tmp_path.iterdir())
