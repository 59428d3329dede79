"""One body for every backbone: its stages, what freezing leaves to train, where it can be cut."""

from functools import cache

import pytest
import torch
from torch import nn

from mammo_core.config import ModelConfig
from mammo_core.errors import ConfigError
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import Backbone, get_backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import (
    Prefix,
    Stage,
    can_be_cut,
    depth_of,
    freeze,
    last_layer,
    stages_of,
    suffix_of,
    train_mode,
)
from tests.zoo.catalog import EVERY_BACKBONE

SMALL = ["light_cnn", "conv2", "conv3_dense3", "mobilenetv2_100", "resnet18", "test_convnext"]


@cache
def on_meta(name: str) -> tuple[Classifier, tuple[Stage, ...]]:
    with torch.device("meta"):
        model = build_model(ModelConfig(backbone=name), task=CANCER, channels=1)
        images = torch.zeros(2, 1, *get_backbone(name).smallest_size)
        return model, stages_of(model, images)


def real(name: str) -> tuple[Classifier, tuple[Stage, ...], torch.Tensor]:
    torch.manual_seed(0)
    model = build_model(ModelConfig(backbone=name), task=CANCER, channels=1)
    images = torch.rand(2, 1, 64, 32)
    return model, stages_of(model, images), images


def trained_names(model: Classifier) -> set[str]:
    return {name for name, p in model.trunk.named_parameters() if p.requires_grad}


@EVERY_BACKBONE
def test_every_backbone_is_a_row_of_stages_and_a_head(backbone: Backbone) -> None:
    model, stages = on_meta(backbone.name)
    depths = {depth_of(name, stages) for name, _ in model.trunk.named_parameters()}
    assert len(stages) >= 2
    assert depths == set(range(len(stages) + 1))


@EVERY_BACKBONE
def test_the_last_stages_and_the_head_are_trained_and_nothing_before_them(
    backbone: Backbone,
) -> None:
    model, stages = on_meta(backbone.name)
    still = freeze(model, stages, trained="last_stages", last=1)
    assert still == stages[:-1]
    trained = trained_names(model)
    assert {depth_of(name, stages) for name in trained} == {len(stages) - 1, len(stages)}
    assert all(
        name in trained
        for name, _ in model.trunk.named_parameters()
        if depth_of(name, stages) >= len(stages) - 1
    )


@EVERY_BACKBONE
def test_a_linear_probe_trains_one_matrix_and_its_bias(backbone: Backbone) -> None:
    model, stages = on_meta(backbone.name)
    assert freeze(model, stages, trained="linear", last=0) == stages
    last = last_layer(model)
    assert trained_names(model) == {f"{last}.weight", f"{last}.bias"}
    assert model.trunk.get_submodule(last).out_features == len(CANCER.classes)


@EVERY_BACKBONE
def test_norms_and_head_leave_every_convolution_and_attention_alone(backbone: Backbone) -> None:
    model, stages = on_meta(backbone.name)
    assert freeze(model, stages, trained="norm_and_head", last=0) == ()
    in_body = [n for n in trained_names(model) if depth_of(n, stages) < len(stages)]
    assert all(model.trunk.get_parameter(name).ndim == 1 for name in in_body)
    has_norms = any("norm" in type(m).__name__.lower() for m in model.modules())
    assert bool(in_body) == (has_norms and backbone.name != "vgg16_medical")


def test_everything_means_every_weight() -> None:
    model, stages, _ = real("test_resnet")
    freeze(model, stages, trained="linear", last=0)
    freeze(model, stages, trained="all", last=0)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_more_stages_than_there_are_is_refused() -> None:
    model, stages, _ = real("test_resnet")
    with pytest.raises(ConfigError, match="cannot be trained"):
        freeze(model, stages, trained="last_stages", last=99)


def test_a_frozen_batchnorm_does_not_go_on_averaging() -> None:
    model, stages, images = real("light_cnn")
    freeze(model, stages, trained="last_stages", last=1)
    train_mode(model)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    model(images)
    after = [norm.running_mean for norm in norms]
    is_same = [torch.equal(old, new) for old, new in zip(before, after, strict=True)]
    assert is_same == [True, True, True, True, False]


@pytest.mark.parametrize("name", SMALL)
def test_a_network_cut_anywhere_is_the_same_network(name: str) -> None:
    model, stages, images = real(name)
    for end in range(1, len(stages) + 1):
        assert can_be_cut(model, stages[:end], images), stages[end - 1].name


def test_a_suffix_shares_its_weights_with_the_whole() -> None:
    model, stages, images = real("test_resnet")
    suffix = suffix_of(model, stages[:-1])
    with torch.no_grad():
        model.trunk.get_submodule(last_layer(model)).bias += 5.0
    model.eval()
    suffix.eval()
    whole = model(images)
    torch.testing.assert_close(suffix(Prefix(model, stages[:-1])(images)), whole)
    assert whole.min() > 2.0


def test_a_transformer_that_cannot_be_cut_says_so() -> None:
    model, stages, images = real("timm:test_vit")
    assert not can_be_cut(model, stages[:1], images)


def test_the_last_layers_are_counted_by_what_holds_weights() -> None:
    model, stages, _ = real("test_resnet")
    layers = [
        name
        for name, module in model.trunk.named_modules()
        if list(module.parameters(recurse=False))
    ]
    still = freeze(model, stages, trained="last_layers", last=3)
    trained = {name.rpartition(".")[0] for name in trained_names(model)}
    assert trained == set(layers[-4:])  # three of the body, and the head
    assert depth_of(f"{layers[-4]}.weight", stages) == len(still)
    with pytest.raises(ConfigError, match=r"layers with weights before its head; 999 cannot"):
        freeze(model, stages, trained="last_layers", last=999)


def test_thirty_layers_of_a_resnet_50_reach_into_its_third_stage() -> None:
    model, stages = on_meta("resnet50")
    freeze(model, stages, trained="last_layers", last=30)
    names = {".".join(name.split(".")[:2]) for name in trained_names(model)}
    assert names == {
        "layer3.4", "layer3.5", "layer4.0", "layer4.1", "layer4.2", "fc.weight", "fc.bias",
    }  # fmt: skip
