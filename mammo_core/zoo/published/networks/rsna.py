"""Four ConvNeXt-Small with a maximum over space, whose probabilities are averaged."""

from collections.abc import Sequence
from typing import Any, Final

import timm
import torch
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.networks.parts import (
    Bundled,
    State,
    mean_of_probabilities,
    plain_names,
    two_logits,
)

FOLDS: Final = 4
WIDTH: Final = 768


class Folds(nn.Module):
    """The maps of all four lie side by side, channel after channel."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList(
            timm.create_model(
                "convnext_small", pretrained=False, in_chans=3, num_classes=1, global_pool="max"
            )
            for _ in range(FOLDS)
        )

    def forward_features(self, images: Tensor) -> Tensor:
        nets: Any = self.nets
        return torch.cat([member.forward_features(images) for member in nets], dim=1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        nets: Any = self.nets
        each = [
            member.forward_head(own, pre_logits=pre_logits)
            for member, own in zip(nets, features.split(WIDTH, dim=1), strict=True)
        ]
        if pre_logits:
            return torch.cat(each, dim=1)
        return mean_of_probabilities([two_logits(one) for one in each])

    def plain(self) -> Classifier:
        return Classifier(self.nets[0], layout=ChannelsFirst())

    def translate(self, tables: Sequence[State]) -> State:
        return {
            f"nets.{fold}.{name}": value
            for fold, table in enumerate(plain_names(tables))
            for name, value in table.items()
        }


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Bundled:
    return Bundled(Folds())
