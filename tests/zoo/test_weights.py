"""Weights under other names give the same network. No file is needed: torchvision builds them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.errors import CheckpointError, UnknownNameError
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import BACKBONES, WEIGHTS, Weights, get_backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import last_layer
from mammo_core.zoo.shelf import how_to_get
from mammo_core.zoo.weights import get_weights, load_weights, load_weights_file
from tests.quick import some_slow

#: Ours, torchvision's, and what of torchvision's gives the last feature map.
TWINS: dict[str, tuple[str, Callable[[nn.Module, Tensor], Tensor]]] = {
    "mobilenetv2_100": ("mobilenet_v2", lambda net, images: net.features(images)),
    "efficientnet_b0": ("efficientnet_b0", lambda net, images: net.features(images)),
    "vgg16": ("vgg16", lambda net, images: net.features(images)),
    "vgg16_bn": ("vgg16_bn", lambda net, images: net.features(images)),
    "vgg16_medical": ("vgg16", lambda net, images: net.features(images)),
    "densenet121": ("densenet121", lambda net, images: net.features(images).relu()),
    "resnet18": ("resnet18", lambda net, images: _resnet(net, images)),
    "resnet50": ("resnet50", lambda net, images: _resnet(net, images)),
}


def _resnet(net: nn.Module, images: Tensor) -> Tensor:
    return nn.Sequential(*list(net.children())[:8])(images)


def build(name: str, *, channels: int) -> Classifier:
    return build_model(ModelConfig(backbone=name), task=CANCER, channels=channels).eval()


def twin(name: str) -> nn.Module:
    """Torchvision's network with every weight and statistic random."""
    torch.manual_seed(1)
    net: nn.Module = getattr(torchvision.models, TWINS[name][0])(weights=None)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.running_var):
                    tensor.uniform_(0.8, 1.2)
                for tensor in (module.bias, module.running_mean):
                    tensor.normal_(std=0.1)
    return net.eval()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if "vgg16" in name or name == "resnet50" else ())
        for name in TWINS
    ],
)
def test_torchvisions_weights_give_torchvisions_features(name: str, tmp_path: Path) -> None:
    net = twin(name)
    save_file(net.state_dict(), tmp_path / "twin.safetensors")
    model = build(name, channels=3)
    load_weights_file(model, tmp_path / "twin.safetensors", backbone=name)
    images = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        theirs = TWINS[name][1](net, images)
        ours = model.features(images)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize(("name", "children"), [("resnet50", 9), ("densenet121", 1)])
def test_radimagenets_published_class_gives_the_same_features(
    name: str, children: int, tmp_path: Path
) -> None:
    net = twin(name)
    published = nn.Module()
    published.backbone = nn.Sequential(*list(net.children())[:children])
    save_file(published.state_dict(), tmp_path / "rad.safetensors")
    model = build(name, channels=3)
    load_weights_file(model, tmp_path / "rad.safetensors", backbone=name)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        theirs = TWINS[name][1](net, images)
        torch.testing.assert_close(model.features(images), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", some_slow(["mobilenetv2_100", "resnet18", "timm:test_vit", "swin_tiny"], quick=2)
)
def test_one_grey_channel_sees_what_three_equal_ones_saw(name: str, tmp_path: Path) -> None:
    torch.manual_seed(2)
    colour = build(name, channels=3)
    save_file(colour.trunk.state_dict(), tmp_path / "colour.safetensors")
    grey = build(name, channels=1)
    load_weights_file(grey, tmp_path / "colour.safetensors", backbone=name)
    image = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        one, three = grey.features(image), colour.features(image.repeat(1, 3, 1, 1))
    torch.testing.assert_close(one, three, rtol=1e-4, atol=1e-5 * float(three.abs().max()))


@pytest.mark.parametrize(
    "name", some_slow(["test_convnext", "mobilenetv3_large_100", "vit_small_dinov2"], quick=1)
)
def test_all_but_the_last_layer_is_taken(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    source = build_model(ModelConfig(backbone=name), task=CANCER, channels=1)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.normal_(std=0.02)
    save_file(source.trunk.state_dict(), tmp_path / "source.safetensors")
    model = build(name, channels=1)
    last = f"{last_layer(model)}."
    before = {key: tensor.clone() for key, tensor in model.trunk.state_dict().items()}
    load_weights_file(model, tmp_path / "source.safetensors", backbone=name)
    for key, tensor in model.trunk.state_dict().items():
        expected = before if key.startswith(last) else source.trunk.state_dict()
        torch.testing.assert_close(tensor, expected[key], msg=key)
    assert not torch.equal(before[f"{last}weight"], source.trunk.state_dict()[f"{last}weight"])


def test_a_transformers_last_norm_finds_its_place_after_the_pooling(tmp_path: Path) -> None:
    import timm

    hub = timm.create_model("test_vit", pretrained=False)  # pools by its class token
    with torch.no_grad():
        hub.norm.weight.fill_(3.0)
    save_file(hub.state_dict(), tmp_path / "hub.safetensors")
    model = build("timm:test_vit", channels=1)
    load_weights_file(model, tmp_path / "hub.safetensors", backbone="timm:test_vit")
    assert model.trunk.get_parameter("fc_norm.weight").mean().item() == 3.0


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file(twin("resnet18").state_dict(), tmp_path / "r18.safetensors")
    with pytest.raises(CheckpointError, match="weights of mobilenetv2_100 are not in this file"):
        load_weights_file(
            build("mobilenetv2_100", channels=1), tmp_path / "r18.safetensors",
            backbone="mobilenetv2_100",
        )  # fmt: skip


def test_missing_weights_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    model = build("resnet18", channels=1)
    with pytest.raises(CheckpointError, match="mammo weights fetch resnet18-imagenet"):
        load_weights(model, backbone="resnet18", name="resnet18-imagenet")
    with pytest.raises(UnknownNameError, match="Known: random, resnet18-imagenet"):
        load_weights(model, backbone="resnet18", name="resnet19-imagenet")


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda weights: weights.name)
def test_all_known_weights_tell_where_they_are_to_be_had(weights: Weights) -> None:
    assert get_weights(weights.name) is weights
    assert get_backbone(weights.backbone)
    assert weights.licence
    assert "mammo weights import FILE" in how_to_get(weights)


def test_every_backbone_of_the_hub_has_weights() -> None:
    assert {weights.backbone for weights in WEIGHTS} == {b.name for b in BACKBONES if b.hub}
