"""The backbones a run can train. To add one, add one entry; nothing else needs to change.

This module is data. It imports no torch, so that a page can list backbones without loading it.
"""

from dataclasses import dataclass
from typing import Final

from mammo_core.errors import UnknownNameError
from mammo_core.types import Size
from mammo_core.zoo.published import get_published, is_published

#: `timm:<name>` stands for any network of the timm library, also one that has no entry here.
TIMM_PREFIX: Final = "timm:"

#: The name of no weights at all: what training starts from where nothing is asked for.
RANDOM: Final = "random"

#: `checkpoint:<run id>`: training goes on from that checkpoint's weights.
FROM_CHECKPOINT: Final = "checkpoint:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """One architecture: how to build it and how big to feed it."""

    name: str
    title: str
    input_size: Size = (1024, 512)  # what we suggest; any size from `smallest_size` on works
    smallest_size: Size = (32, 32)
    timm_name: str = ""
    builder: str = "mammo_core.zoo.build:build"
    licence: str = "Apache-2.0"
    mean: float = 0.449  # of the pixels its weights expect: ImageNet's, averaged over the colours
    std: float = 0.226
    pretrained_on: str = "imagenet"  # what the hub's weights of `timm_name` have seen
    is_for_tests: bool = False

    @property
    def hub(self) -> str:
        """Where the hub keeps its weights; empty for networks that start from random ones."""
        return f"timm/{self.timm_name}" if "." in self.timm_name else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights one can have for a backbone. `hub` is empty where they are only had by hand."""

    name: str
    backbone: str
    licence: str
    hub: str = ""
    where: str = ""


BACKBONES: Final[tuple[Backbone, ...]] = (
    Backbone(
        name="light_cnn",
        title="Light CNN (from scratch)",
        input_size=(512, 256),
        smallest_size=(16, 16),
        builder="mammo_core.zoo.build:build_light_cnn",
        mean=0.5,
        std=0.25,
    ),
    Backbone(
        name="conv2",
        title="Two convolutions (from scratch)",
        input_size=(256, 256),
        smallest_size=(16, 16),
        builder="mammo_core.zoo.build:build_conv2",
        mean=0.5,
        std=0.25,
    ),
    Backbone(
        name="conv3_dense3",
        title="Three convolutions, three dense layers (from scratch)",
        input_size=(224, 224),
        smallest_size=(16, 16),
        builder="mammo_core.zoo.build:build_conv3_dense3",
        mean=0.5,
        std=0.25,
    ),
    Backbone(name="mobilenetv2_100", title="MobileNetV2", timm_name="mobilenetv2_100.ra_in1k"),
    Backbone(
        name="mobilenetv3_large_100",
        title="MobileNetV3-Large",
        timm_name="mobilenetv3_large_100.ra_in1k",
    ),
    Backbone(name="resnet18", title="ResNet-18", timm_name="resnet18.a1_in1k"),
    Backbone(name="resnet34", title="ResNet-34", timm_name="resnet34.a1_in1k"),
    Backbone(name="resnet50", title="ResNet-50", timm_name="resnet50.a1_in1k"),
    Backbone(name="resnet101", title="ResNet-101", timm_name="resnet101.a1h_in1k"),
    Backbone(name="vgg16", title="VGG-16", timm_name="vgg16.tv_in1k", licence="BSD-3-Clause"),
    Backbone(
        name="vgg16_bn",
        title="VGG-16 with BatchNorm",
        timm_name="vgg16_bn.tv_in1k",
        licence="BSD-3-Clause",
    ),
    Backbone(
        name="vgg16_medical",
        title="VGG-16, larger head for medical images",
        timm_name="vgg16.tv_in1k",
        builder="mammo_core.zoo.build:build_medical_vgg",
        licence="BSD-3-Clause",
    ),
    Backbone(
        name="inception_v3",
        title="Inception v3",
        smallest_size=(96, 96),
        timm_name="inception_v3.tv_in1k",
        mean=0.5,
        std=0.5,
    ),
    Backbone(name="densenet121", title="DenseNet-121", timm_name="densenet121.ra_in1k"),
    Backbone(name="densenet169", title="DenseNet-169", timm_name="densenet169.tv_in1k"),
    Backbone(name="densenet201", title="DenseNet-201", timm_name="densenet201.tv_in1k"),
    Backbone(name="efficientnet_b0", title="EfficientNet-B0", timm_name="efficientnet_b0.ra_in1k"),
    Backbone(name="efficientnet_b2", title="EfficientNet-B2", timm_name="efficientnet_b2.ra_in1k"),
    Backbone(name="efficientnet_b3", title="EfficientNet-B3", timm_name="efficientnet_b3.ra2_in1k"),
    Backbone(
        name="efficientnetv2_s",
        title="EfficientNetV2-S",
        input_size=(1536, 768),
        timm_name="tf_efficientnetv2_s.in21k_ft_in1k",
        mean=0.5,
        std=0.5,
    ),
    Backbone(name="convnext_nano", title="ConvNeXt-Nano", timm_name="convnext_nano.in12k_ft_in1k"),
    Backbone(name="convnext_tiny", title="ConvNeXt-Tiny", timm_name="convnext_tiny.in12k_ft_in1k"),
    Backbone(
        name="convnext_small",
        title="ConvNeXt-Small",
        input_size=(1536, 768),
        timm_name="convnext_small.in12k_ft_in1k",
    ),
    Backbone(
        name="regnety_016",
        title="RegNetY-1.6GF",
        timm_name="regnety_016.tv2_in1k",
        licence="BSD-3-Clause",
    ),
    Backbone(
        name="swin_tiny",
        title="Swin-Tiny",
        input_size=(896, 448),
        timm_name="swin_tiny_patch4_window7_224.ms_in1k",
        licence="MIT",
    ),
    Backbone(
        name="vit_small_dinov2",
        title="ViT-Small (DINOv2)",
        input_size=(896, 448),
        smallest_size=(28, 28),
        timm_name="vit_small_patch14_dinov2.lvd142m",
        pretrained_on="lvd142m",
    ),
    Backbone(
        name="test_resnet",
        title="Tiny ResNet for tests",
        input_size=(64, 32),
        timm_name="test_resnet",
        is_for_tests=True,
    ),
    Backbone(
        name="test_convnext",
        title="Tiny ConvNeXt for tests",
        input_size=(64, 32),
        timm_name="test_convnext",
        is_for_tests=True,
    ),
)

_RADIMAGENET: Final = (
    "ask for it at https://www.radimagenet.com and take the PyTorch file, or see "
    "https://github.com/BMEII-AI/RadImageNet"
)

WEIGHTS: Final[tuple[Weights, ...]] = (
    *(
        Weights(
            name=f"{backbone.name}-{backbone.pretrained_on}",
            backbone=backbone.name,
            licence=backbone.licence,
            hub=backbone.hub,
        )
        for backbone in BACKBONES
        if backbone.hub
    ),
    Weights(
        name="resnet50-radimagenet",
        backbone="resnet50",
        licence="for research only, by RadImageNet's terms",
        where=_RADIMAGENET,
    ),
    Weights(
        name="densenet121-radimagenet",
        backbone="densenet121",
        licence="for research only, by RadImageNet's terms",
        where=_RADIMAGENET,
    ),
)

_BY_NAME: Final = {backbone.name: backbone for backbone in BACKBONES}


def get_backbone(name: str) -> Backbone:
    """The entry of that name, or one made up for `timm:<name>`."""
    if name.startswith(TIMM_PREFIX):
        timm_name = name.removeprefix(TIMM_PREFIX)
        return Backbone(name=name, title=timm_name, timm_name=timm_name)
    if is_published(name):
        entry = get_published(name)
        return Backbone(
            name=name, title=entry.title, builder=entry.network, licence=entry.weights_licence
        )
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownNameError("backbone", name, _BY_NAME) from None


def list_backbones() -> list[Backbone]:
    """What a researcher chooses from, without the tiny models that serve the tests."""
    return [backbone for backbone in BACKBONES if not backbone.is_for_tests]


def weights_of(backbone: str) -> list[Weights]:
    """The known weights for a backbone."""
    return [weights for weights in WEIGHTS if weights.backbone == backbone]
