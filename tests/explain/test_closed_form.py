"""The closed form against pytorch-grad-cam run over whole networks, and against hand arithmetic."""

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.explain.closed_form import Head, grad_cam_of, load_head, logits_of, save_head
from mammo_core.explain.grad_cam import log_odds
from mammo_core.explain.heads import head_of
from mammo_core.types import Task
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import last_layer
from tests.zoo.catalog import EVERY_BACKBONE

THREE = Task(name="three", title="", classes=("a", "b", "c"), positive=("b", "c"))

#: Their heads have more layers than a pooling, a norm and a linear one.
DEEPER = {"conv2", "conv3_dense3", "mobilenetv3_large_100", "vgg16", "vgg16_bn", "vgg16_medical"}


def randomised(backbone: str, pooling: str = "avg", views: Literal[1, 2] = 1) -> Classifier:
    """Norms and biases as no network starts with, for zeros and ones would hide mistakes."""
    torch.manual_seed(5)
    settings = ModelConfig(backbone=backbone, pooling=pooling, views=views)  # type: ignore[arg-type]
    model = build_model(settings, task=THREE, channels=1).eval()
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.ndim == 1:
                    parameter.copy_(torch.randn_like(parameter) * 0.1 + (name == "weight"))
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0.0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model


def by_library(model: Classifier, images: Tensor, positive: tuple[int, ...]) -> np.ndarray:
    """pytorch-grad-cam's own steps through the whole network, all but its last stretching."""
    with GradCAM(model=model, target_layers=[model.feature_map]) as cam:
        logits = cam.activations_and_grads(images)
        log_odds(logits, positive).sum().backward()
        (maps,) = cam.activations_and_grads.activations
        (gradients,) = cam.activations_and_grads.gradients
        weighted = cam.get_cam_image(
            images, cam.target_layers[0], [], maps.numpy(), gradients.numpy(), False
        )
    return np.maximum(weighted, 0.0)


def assert_same_map(model: Classifier, images: Tensor) -> None:
    head = head_of(model, channels=1)
    with torch.no_grad():
        feature_map = model.features(images).numpy()
    assert feature_map.shape[2] * feature_map.shape[3] > 1
    for positive in ((1, 2), (0,)):  # what speaks for the one speaks against the other
        ours = grad_cam_of(head, feature_map, positive)
        theirs = by_library(model, images, positive)
        np.testing.assert_allclose(scale_cam_image(ours), scale_cam_image(theirs), atol=1e-4)
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * float(theirs.max()))


@EVERY_BACKBONE
def test_every_network_of_the_catalog_has_the_librarys_map(backbone: Backbone) -> None:
    small = (96, 64) if backbone.smallest_size < (96, 64) else (160, 128)
    model = randomised(backbone.name)
    assert isinstance(head_of(model, channels=1), Classifier) == (backbone.name in DEEPER)
    assert_same_map(model, torch.rand(2, 1, *small) * 4.0 - 2.0)


@pytest.mark.parametrize(
    ("backbone", "pooling"),
    [
        *product(["light_cnn", "test_resnet", "test_convnext"], ["max", "gem"]),
        *product(["mobilenetv2_100", "test_resnet"], ["avgmax"]),
    ],
)
def test_every_pooling_has_the_librarys_map(backbone: str, pooling: str) -> None:
    model = randomised(backbone, pooling)
    head = head_of(model, channels=1)
    assert isinstance(head, Head)
    assert head.pooling == pooling
    assert_same_map(model, torch.rand(2, 1, 128, 64) * 4.0 - 2.0)


@pytest.mark.parametrize(
    ("backbone", "pooling"),
    [
        *product(["light_cnn", "test_resnet", "test_convnext"], ["avg", "max", "gem"]),
        ("conv2", "avg"),
    ],
)
def test_of_two_views_the_librarys_map_of_the_first_is_given(backbone: str, pooling: str) -> None:
    model = randomised(backbone, pooling, views=2)
    with torch.no_grad():  # the two views begin alike
        nn.init.normal_(model.trunk.get_parameter(f"{last_layer(model)}.weight"), std=0.1)
    pairs = torch.rand(2, 2, 1, 128, 64) * 4.0 - 2.0
    head = head_of(model, channels=1)
    with torch.no_grad():
        feature_map = model.features(pairs).numpy()
        logits = model(pairs).numpy()
    if backbone == "conv2":
        assert head is model
    else:
        assert isinstance(head, Head)
        np.testing.assert_allclose(logits_of(head, feature_map), logits, atol=1e-4)
    either_way = [by_library(model, pairs, positive)[::2] for positive in ((1, 2), (0,))]
    highest = float(np.max(either_way))
    assert highest > 0.0
    for positive, theirs in zip(((1, 2), (0,)), either_way, strict=True):
        ours = grad_cam_of(head, feature_map, positive)
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * highest)


def test_logits_are_the_heads_own() -> None:
    model = randomised("test_convnext", "gem")
    feature_map = torch.randn(3, 64, 5, 4)
    head = head_of(model, channels=1)
    assert isinstance(head, Head)
    with torch.no_grad():
        expected = model.head(feature_map).numpy()
    np.testing.assert_allclose(logits_of(head, feature_map.numpy()), expected, atol=1e-5)


def test_cells_of_a_mean_add_up_to_the_log_odds() -> None:
    head = Head(pooling="avg", weight=np.array([[0.0], [2.0]]), bias=np.zeros(2))
    feature_map = np.array([[[[1.0, 3.0]]]], dtype=np.float32)  # mean 2, log-odds 4
    assert grad_cam_of(head, feature_map, (1,)).tolist() == [[[1.0, 3.0]]]
    assert grad_cam_of(head, feature_map, (0,)).tolist() == [[[0.0, 0.0]]]


@pytest.mark.parametrize(
    ("backbone", "pooling", "views"),
    [("light_cnn", "gem", 1), ("test_convnext", "max", 2), ("test_resnet", "avgmax", 1)],
)
def test_a_head_that_was_kept_makes_the_same_map(
    backbone: str, pooling: str, views: Literal[1, 2], tmp_path: Path
) -> None:
    head = head_of(randomised(backbone, pooling, views), channels=1)
    assert isinstance(head, Head)
    save_head(head, tmp_path / "head.npz")
    kept = load_head(tmp_path / "head.npz")
    assert (kept.norm is None) == (head.norm is None)
    channels = head.weight.shape[1] // views // (2 if pooling == "avgmax" else 1)
    maps = np.random.default_rng(0).normal(size=(2, channels, 3, 2)).astype(np.float32)
    np.testing.assert_array_equal(logits_of(kept, maps), logits_of(head, maps))
    np.testing.assert_array_equal(grad_cam_of(kept, maps, [1]), grad_cam_of(head, maps, [1]))


def test_the_closed_form_loads_without_torch() -> None:
    code = "import sys, mammo_core.explain.closed_form; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
