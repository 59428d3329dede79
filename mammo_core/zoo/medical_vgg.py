"""VGG-16 with the larger head that projects on mammograms give it."""

from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.pooling import make_pooling
from mammo_core.zoo.timm_builder import make_trunk

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


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Classifier:
    vgg = make_trunk(backbone, model, classes=classes, channels=channels)
    return Classifier(
        MedicalVGG(vgg.features, classes=classes, model=model), layout=ChannelsFirst()
    )


def _dense(dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Dropout(dropout)
