"""From settings to a torch module: networks of the timm library, and those that timm does not have.
All are built with random weights; nothing is downloaded here.
"""

import importlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import timm
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.types import Task
from mammo_core.zoo.catalog import BACKBONES, Backbone, get_backbone
from mammo_core.zoo.classifier import (
    ChannelsFirst,
    ChannelsLast,
    Classifier,
    GeneralisedMean,
    Layout,
    Tokens,
    make_pooling,
)
from mammo_core.zoo.committee import seat
from mammo_core.zoo.published import is_published
from mammo_core.zoo.two_views import TwoViews

MOST_MEMBERS: Final = 32


def build_model(model: ModelConfig, *, task: Task, channels: int) -> Classifier:
    """Any image size in, one logit per class of `task` out; random weights, never a download."""
    backbone = get_backbone(model.backbone)
    if model.pooling == "avgmax" and not backbone.builder.endswith(":build"):
        raise ConfigError(f"{backbone.name} cannot pool both ways (avgmax). Choose avg or max.")
    module_name, _, function_name = backbone.builder.partition(":")
    build = getattr(importlib.import_module(module_name), function_name)
    if not 1 <= model.members <= MOST_MEMBERS:
        raise ConfigError(
            f"{model.members} networks are to read together; allowed: 1 to {MOST_MEMBERS}."
        )
    if is_published(backbone.name):
        published: Classifier = build(backbone, model, classes=len(task.classes), channels=channels)
        return published
    made: list[Classifier] = [
        build(backbone, model, classes=len(task.classes), channels=channels)
        for _ in range(model.members)
    ]
    if model.members > 1:
        return seat(made, model)
    return TwoViews(made[0]) if model.views == 2 else made[0]


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Classifier:
    trunk = make_trunk(backbone, model, classes=classes, channels=channels)
    _begin_unsure(trunk.get_classifier())
    layout = _layout_of(trunk)
    if model.pooling == "gem":
        if not isinstance(layout, ChannelsFirst):
            raise ConfigError(
                f"{backbone.name} cannot pool by generalised mean (gem). Choose avg or max."
            )
        # Swap timm's pooling, wherever in its head the network keeps it
        places = [
            (parent, name, child)
            for parent in trunk.modules()
            for name, child in parent.named_children()
            if isinstance(child, SelectAdaptivePool2d)
        ]
        for parent, name, child in places:
            setattr(parent, name, nn.Sequential(GeneralisedMean(), child.flatten))
    return Classifier(trunk, layout=layout)


_TIMM_POOLING: Final = {"gem": "avg", "avgmax": "catavgmax"}  # gem is put in afterwards


def make_trunk(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Any:
    """timm's own network, pooling by mean where it cannot pool as asked."""
    if not timm.is_model(backbone.timm_name):
        close = timm.list_models(f"*{backbone.timm_name}*")[:10]
        known = close or [entry.timm_name for entry in BACKBONES if entry.timm_name]
        raise UnknownNameError("timm model", backbone.timm_name, known)
    options = _any_size(backbone.timm_name)
    if model.drop_path:
        options["drop_path_rate"] = model.drop_path
    try:
        return timm.create_model(
            backbone.timm_name,
            pretrained=False,
            in_chans=channels,
            num_classes=classes,
            global_pool=_TIMM_POOLING.get(model.pooling, model.pooling),
            drop_rate=model.dropout,
            **options,
        )
    except AssertionError:
        if model.pooling != "avgmax":
            raise
        raise ConfigError(
            f"{backbone.name} cannot pool both ways (avgmax). Choose avg or max."
        ) from None
    except TypeError as error:
        if "drop_path_rate" not in str(error):
            raise
        raise ConfigError(
            f"{backbone.name} has no residual blocks to leave out. Set model.drop_path to 0."
        ) from None


def _begin_unsure(last: nn.Module) -> None:
    """Let a new last layer say the same of everybody. As some networks draw it, it begins with
    logits of 5 and more by chance, and a gentle training ends before it has unlearnt them.
    """
    if isinstance(last, nn.Linear):
        nn.init.normal_(last.weight, std=0.001)
        nn.init.zeros_(last.bias)


def _any_size(timm_name: str) -> dict[str, Any]:
    """What makes a transformer accept an image of any size; convolutions always do."""
    if timm_name.startswith("swin"):
        return {"strict_img_size": False}
    if "vit" in timm_name:
        return {"dynamic_img_size": True, "dynamic_img_pad": True}
    return {}


def _layout_of(trunk: Any) -> Layout:
    if hasattr(trunk, "patch_embed") and hasattr(trunk, "num_prefix_tokens"):
        return Tokens(leading=trunk.num_prefix_tokens, patch=trunk.patch_embed.patch_size)
    if getattr(trunk, "output_fmt", "NCHW") == "NHWC":
        return ChannelsLast()
    return ChannelsFirst()


LIGHT_WIDTHS: Final = (16, 32, 64, 80)
DENSE_GRID: Final = 8  # cells along each side of what a dense layer sees


class LightCNN(nn.Module):
    """Five 3x3 convolutions with BatchNorm; the map has one cell per 16 x 16 pixels.

    127,000 weights: small enough to travel with the program, quick enough to train on a laptop.
    """

    def __init__(self, *, channels: int, classes: int, pooling: nn.Module, dropout: float) -> None:
        super().__init__()
        self.blocks = _convolutions(channels, LIGHT_WIDTHS)
        self.pool = pooling
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(LIGHT_WIDTHS[-1], classes)

    def forward_features(self, images: Tensor) -> Tensor:
        features: Tensor = self.blocks(images)
        return features

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        embedding = self.dropout(self.pool(features).flatten(1))
        logits: Tensor = embedding if pre_logits else self.fc(embedding)
        return logits


class DenseNetwork(nn.Module):
    """Convolutions, then dense layers that know where in the image they look.

    The published networks flatten their whole last map, which ties them to one input size. Pooling
    it onto a fixed grid first keeps the dense layers and takes any size.
    """

    def __init__(
        self, blocks: nn.Module, *, pool: nn.Module, widths: Sequence[int], settings: ModelConfig,
        classes: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.blocks = blocks
        self.pool = pool
        self.dense = nn.Sequential(
            *(
                layer
                for width, next_width in pairwise(widths)
                for layer in (
                    nn.Linear(width, next_width), nn.ReLU(), nn.Dropout(settings.dropout)
                )
            )
        )  # fmt: skip
        self.fc = nn.Linear(widths[-1], classes)

    def forward_features(self, images: Tensor) -> Tensor:
        features: Tensor = self.blocks(images)
        return features

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        embedding: Tensor = self.dense(self.pool(features).flatten(1))
        logits: Tensor = embedding if pre_logits else self.fc(embedding)
        return logits


def build_light_cnn(
    backbone: Backbone, model: ModelConfig, *, classes: int, channels: int
) -> Classifier:
    _refuse_drop_path(backbone, model)
    pooling = make_pooling(model.pooling)
    trunk = LightCNN(channels=channels, classes=classes, pooling=pooling, dropout=model.dropout)
    return Classifier(trunk, layout=ChannelsFirst())


def build_conv2(
    backbone: Backbone, model: ModelConfig, *, classes: int, channels: int
) -> Classifier:
    """Two convolutions and one dense layer; dropout by the settings."""
    blocks = nn.Sequential(*_plain(channels, 32), *_plain(32, 64))
    pool, cells = _grid(backbone, model)
    trunk = DenseNetwork(
        blocks, pool=pool, widths=(64 * cells, 128), settings=model, classes=classes
    )
    return Classifier(trunk, layout=ChannelsFirst())


def build_conv3_dense3(
    backbone: Backbone, model: ModelConfig, *, classes: int, channels: int
) -> Classifier:
    """Three convolutions with BatchNorm and three dense layers, the last giving the classes."""
    blocks = nn.Sequential(
        *_plain(channels, 32, has_norm=True),
        *_plain(32, 64, has_norm=True),
        *_plain(64, 128, has_norm=True),
    )
    pool, cells = _grid(backbone, model)
    trunk = DenseNetwork(
        blocks, pool=pool, widths=(128 * cells, 256, 128), settings=model, classes=classes
    )
    return Classifier(trunk, layout=ChannelsFirst())


def _grid(backbone: Backbone, model: ModelConfig) -> tuple[nn.Module, int]:
    """Pooling onto a grid, and its number of cells."""
    _refuse_drop_path(backbone, model)
    if model.pooling == "gem":
        raise ConfigError(
            f"{backbone.name} cannot pool by generalised mean (gem). Choose avg or max."
        )
    pool = nn.AdaptiveAvgPool2d if model.pooling == "avg" else nn.AdaptiveMaxPool2d
    return pool(DENSE_GRID), DENSE_GRID**2


def _refuse_drop_path(backbone: Backbone, model: ModelConfig) -> None:
    if model.drop_path:
        raise ConfigError(f"{backbone.name} has no residual blocks. Set model.drop_path to 0.")


def _plain(channels: int, width: int, *, has_norm: bool = False) -> tuple[nn.Module, ...]:
    """A convolution that keeps the size, and a pooling that halves it."""
    norm = (nn.BatchNorm2d(width),) if has_norm else ()
    return nn.Conv2d(channels, width, 3, padding=1), *norm, nn.ReLU(), nn.MaxPool2d(2)


def _convolutions(channels: int, widths: Sequence[int]) -> nn.Sequential:
    """Each width halves the picture; the last one looks once more at full width."""
    blocks = []
    for width in widths:
        blocks.append(_block(channels, width, stride=2))
        channels = width
    blocks.append(_block(channels, channels, stride=1))
    return nn.Sequential(*blocks)


def _block(channels: int, width: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


WIDTH = 512  # of VGG-16's last feature map, and of the two dense layers that follow it


class MedicalVGG(nn.Module):
    """VGG-16's convolutions, pooled, then two dense layers with dropout and BatchNorm."""

    def __init__(self, features: nn.Module, *, classes: int, model: ModelConfig) -> None:
        super().__init__()
        self.features = features
        self.pool = make_pooling(model.pooling)
        self.dense = nn.Sequential(*_dense(model.dropout), *_dense(model.dropout))
        self.fc = nn.Linear(WIDTH, classes)

    def forward_features(self, images: Tensor) -> Tensor:
        features: Tensor = self.features(images)
        return features

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        embedding: Tensor = self.dense(self.pool(features).flatten(1))
        logits: Tensor = embedding if pre_logits else self.fc(embedding)
        return logits


def build_medical_vgg(
    backbone: Backbone, model: ModelConfig, *, classes: int, channels: int
) -> Classifier:
    vgg = make_trunk(backbone, model, classes=classes, channels=channels)
    return Classifier(
        MedicalVGG(vgg.features, classes=classes, model=model), layout=ChannelsFirst()
    )


def _dense(dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Dropout(dropout)
