"""Our own small networks, trained from random weights."""

from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.pooling import make_pooling

LIGHT_WIDTHS: Final = (16, 32, 64, 80)


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


def build_light_cnn(
    backbone: Backbone, model: ModelConfig, *, classes: int, channels: int
) -> Classifier:
    pooling = make_pooling(model.pooling)
    trunk = LightCNN(channels=channels, classes=classes, pooling=pooling, dropout=model.dropout)
    return Classifier(trunk, layout=ChannelsFirst())


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
