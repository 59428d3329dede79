"""Four ConvNeXt-Small with a maximum over space, whose probabilities are averaged."""

from typing import Final

import timm

from mammo_core.config import ModelConfig
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.networks.parts import Bundled, Several

FOLDS: Final = 4


class Folds(Several):
    """All four folds."""

    width = 768

    def __init__(self) -> None:
        super().__init__(
            timm.create_model(
                "convnext_small", pretrained=False, in_chans=3, num_classes=1, global_pool="max"
            )
            for _ in range(FOLDS)
        )

    def plain(self) -> Classifier:
        return Classifier(self.nets[0], layout=ChannelsFirst())


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Bundled:
    return Bundled(Folds())
