"""One body for every backbone of the catalog, and the promises the builder makes."""

import pytest
import torch
from timm.layers import DropPath

from mammo_core.config import ModelConfig
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import (
    BACKBONES,
    Backbone,
    get_backbone,
    list_backbones,
    weights_of,
)
from mammo_core.zoo.classifier import EXPLAIN_LAYER, Classifier, GeneralisedMean
from tests.zoo.catalog import EVERY_BACKBONE


def build(name: str, **settings: str) -> Classifier:
    model = ModelConfig(backbone=name, **settings)
    return build_model(model, task=CANCER, channels=1)


@EVERY_BACKBONE
def test_every_backbone_maps_a_grey_image_to_one_logit_per_class(backbone: Backbone) -> None:
    with torch.device("meta"):  # shapes and gradients' reach need no numbers
        model = build(backbone.name)
        logits = model(torch.zeros(2, 1, *backbone.smallest_size))
    assert logits.shape == (2, len(CANCER.classes))
    logits.sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@EVERY_BACKBONE
def test_every_backbone_shows_its_last_feature_map(backbone: Backbone) -> None:
    seen = []
    with torch.device("meta"):
        model = build(backbone.name)
        layer = model.get_submodule(EXPLAIN_LAYER)
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        height, width = backbone.smallest_size
        model(torch.zeros(2, 1, 2 * height, 2 * width))
    assert len(seen) == 1
    assert seen[0].ndim == 4
    assert seen[0].shape[2] <= 2 * height
    assert seen[0].shape[3] <= 2 * width


@pytest.mark.parametrize("name", ["light_cnn", "test_resnet", "test_convnext", "timm:test_vit"])
def test_the_two_halves_of_a_network_are_the_whole(name: str) -> None:
    model = build(name).eval()
    images = torch.rand(2, 1, 64, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        feature_map = model.features(images)
        torch.testing.assert_close(model.head(feature_map), model(images))
        assert model.embed(feature_map).ndim == 2


@pytest.mark.parametrize("name", ["light_cnn", "test_resnet", "test_convnext"])
def test_generalised_mean_replaces_the_pooling(name: str) -> None:
    model = build(name, pooling="gem")
    assert sum(isinstance(module, GeneralisedMean) for module in model.modules()) == 1
    assert model(torch.rand(2, 1, 64, 32)).shape == (2, 2)


def test_a_transformer_without_a_map_to_pool_refuses_the_generalised_mean() -> None:
    with pytest.raises(ConfigError, match="cannot pool by generalised mean"):
        build("timm:test_vit", pooling="gem")


def test_generalised_mean_of_power_one_is_the_mean_and_of_a_large_power_the_maximum() -> None:
    feature_map = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert GeneralisedMean(power=1.0)(feature_map).item() == pytest.approx(3.0)
    assert GeneralisedMean(power=40.0)(feature_map).item() == pytest.approx(6.0, rel=0.05)


def test_any_timm_network_can_be_named() -> None:
    assert get_backbone("timm:test_efficientnet").timm_name == "test_efficientnet"
    assert build("timm:test_efficientnet")(torch.rand(2, 1, 64, 32)).shape == (2, 2)


def test_an_unknown_backbone_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no backbone named 'resnet19'. Known: .*resnet18"):
        get_backbone("resnet19")


def test_an_unknown_timm_network_offers_its_like() -> None:
    with pytest.raises(UnknownNameError, match=r"no timm model named 'test_res'.*test_resnet"):
        build("timm:test_res")


@pytest.mark.parametrize(
    "wanted",
    [
        "light_cnn", "conv2", "conv3_dense3", "mobilenetv2_100", "mobilenetv3_large_100",
        "resnet18", "resnet34", "resnet50", "resnet101", "vgg16", "vgg16_bn", "vgg16_medical",
        "inception_v3", "densenet121", "densenet169", "densenet201", "efficientnet_b0",
        "efficientnet_b2", "efficientnet_b3", "efficientnetv2_s", "convnext_nano",
        "convnext_tiny", "convnext_small", "regnety_016", "swin_tiny", "vit_small_dinov2",
    ],
)  # fmt: skip
def test_what_the_field_publishes_with_is_offered(wanted: str) -> None:
    assert wanted in [backbone.name for backbone in list_backbones()]


def test_resnet50_can_be_had_with_weights_of_radimagenet() -> None:
    (weights,) = (w for w in weights_of("resnet50") if w.name == "resnet50-radimagenet")
    assert "radimagenet.com" in weights.where


@pytest.mark.parametrize("name", ["resnet18", "convnext_nano", "efficientnet_b0", "swin_tiny"])
def test_residual_blocks_may_be_left_out_in_training(name: str) -> None:
    with torch.device("meta"):
        model = build_model(ModelConfig(backbone=name, drop_path=0.2), task=CANCER, channels=1)
    rates = [module.drop_prob for module in model.modules() if isinstance(module, DropPath)]
    assert max(rates) == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("name", ["light_cnn", "conv2", "vgg16", "vgg16_medical"])
def test_without_residual_blocks_there_is_nothing_to_leave_out(name: str) -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match=f"{name} has no residual blocks"):
        build_model(ModelConfig(backbone=name, drop_path=0.2), task=CANCER, channels=1)


def test_names_are_unique_and_the_tests_own_models_are_not_offered() -> None:
    names = [backbone.name for backbone in BACKBONES]
    assert len(names) == len(set(names))
    assert not [b.name for b in list_backbones() if b.name.startswith("test_")]


def test_the_light_network_weighs_under_600_kilobytes() -> None:
    weights = sum(tensor.nbytes for tensor in build("light_cnn").state_dict().values())
    assert weights < 600_000


@pytest.mark.parametrize("name", ["mobilenetv2_100", "efficientnet_b0", "resnet18"])
def test_a_new_network_says_nearly_the_same_of_everybody(name: str) -> None:
    """MobileNet's own first head gives logits of 5 by chance."""
    torch.manual_seed(0)
    model = build(name).eval()
    embedding = torch.rand(8, model.trunk.num_features)
    with torch.no_grad():
        logits = model.trunk.get_classifier()(embedding)
    assert logits.abs().max() < 1.0
