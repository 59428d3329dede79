"""From settings to a torch module: networks of the timm library, built with random weights; nothing
is ever downloaded here.
"""

import importlib
from typing import Any

import timm
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import nn

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
)
from mammo_core.zoo.two_views import TwoViews


def build_model(model: ModelConfig, *, task: Task, channels: int) -> Classifier:
    """Any image size in, one logit per class of `task` out; random weights, never a download."""
    backbone = get_backbone(model.backbone)
    module_name, _, function_name = backbone.builder.partition(":")
    build = getattr(importlib.import_module(module_name), function_name)
    classifier: Classifier = build(backbone, model, classes=len(task.classes), channels=channels)
    return TwoViews(classifier) if model.views == 2 else classifier


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Classifier:
    trunk = make_trunk(backbone, model, classes=classes, channels=channels)
    _begin_unsure(trunk.get_classifier())
    layout = _layout_of(trunk)
    if model.pooling == "gem":
        if not isinstance(layout, ChannelsFirst):
            raise ConfigError(
                f"{backbone.name} cannot pool by generalised mean (gem). Choose avg or max."
            )
        _pool_by_generalised_mean(trunk)
    return Classifier(trunk, layout=layout)


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
            global_pool="avg" if model.pooling == "gem" else model.pooling,
            drop_rate=model.dropout,
            **options,
        )
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
        nn.init.normal_(last.weight, std=0.01)
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


def _pool_by_generalised_mean(trunk: nn.Module) -> None:
    """Swap timm's pooling, wherever in its head the network keeps it."""
    places = [
        (parent, name, child)
        for parent in trunk.modules()
        for name, child in parent.named_children()
        if isinstance(child, SelectAdaptivePool2d)
    ]
    for parent, name, child in places:
        setattr(parent, name, nn.Sequential(GeneralisedMean(), child.flatten))
