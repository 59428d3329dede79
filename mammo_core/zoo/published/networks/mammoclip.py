"""The image encoder of Mammo-CLIP with a linear head: an EfficientNet with fixed padding."""

from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.networks.efficientnets import efficientnet, timm_names
from mammo_core.zoo.published.networks.parts import (
    Bundled,
    State,
    joined,
    plain_names,
    two_logits,
    under,
)

_WIDTHS: Final = {"b2": 1408, "b5": 2048}
_ENCODER: Final = "image_encoder."
_HEAD: Final = "classifier.classification_head."


class MammoClip(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.encoder = efficientnet(kind)
        self.head = nn.Linear(_WIDTHS[kind], 1)

    def forward_features(self, images: Tensor) -> Tensor:
        features: Tensor = self.encoder.forward_features(images)
        return features

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        pooled = features.mean(dim=(2, 3))
        return pooled if pre_logits else two_logits(self.head(pooled))

    def plain(self) -> Classifier:
        return Classifier(self.encoder, layout=ChannelsFirst())

    def translate(self, tables: Sequence[State]) -> State:
        (state,) = plain_names(tables)
        encoder = {
            name.removeprefix(_ENCODER): value
            for name, value in state.items()
            if name.startswith(_ENCODER)
        }
        rest = (
            {name.replace(_HEAD, "head.", 1): value}
            for name, value in state.items()
            if not name.startswith(_ENCODER)
        )
        return joined(under("encoder.", timm_names(encoder, self.kind)), *rest)


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Bundled:
    return Bundled(MammoClip(backbone.name.rpartition("-")[2]))
