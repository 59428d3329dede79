"""Three EfficientNetV2-S side by side: their inputs are cut out of one picture, and their maps of
log-odds laid into one map the same way.
"""

from collections.abc import Sequence
from typing import Any, Final

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.config import ModelConfig
from mammo_core.types import Size
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.mammoscreen import FRAMES
from mammo_core.zoo.published.networks.parts import (
    Bundled,
    State,
    mean_of_probabilities,
    plain_names,
    two_logits,
)

OUTPUTS: Final = 5  # of each network: cancer, then density A to D
_STRIDE: Final = 32
_WIDTH: Final = 1280


class One(nn.Module):
    """A network; its last layer is linear after a mean, so it may as well see every cell."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model(
            "tf_efficientnetv2_s", pretrained=False, in_chans=1, num_classes=0
        )
        self.linear = nn.Linear(_WIDTH, OUTPUTS)

    def cells(self, images: Tensor) -> Tensor:
        """What each cell adds to each output, its bias left out."""
        features: Any = self.backbone.forward_features(images)  # type: ignore[operator]
        return functional.conv2d(features, self.linear.weight[:, :, None, None])


class MammoScreen(nn.Module):
    """`feature_map`: five channels for each network, black where another's frame lies."""

    def __init__(self, *, frames: Sequence[Size], is_density: bool) -> None:
        super().__init__()
        self.net0, self.net1, self.net2 = One(), One(), One()
        self.frames = tuple(frames)
        self.is_density = is_density

    def _nets(self) -> tuple[One, One, One]:
        return self.net0, self.net1, self.net2

    def forward_features(self, images: Tensor) -> Tensor:
        tallest = -(-max(height for height, _ in self.frames) // _STRIDE)
        widths = [-(-width // _STRIDE) for _, width in self.frames]
        maps, left, begin = [], 0, 0
        for net, (height, width), cells in zip(self._nets(), self.frames, widths, strict=True):
            made = net.cells(images[:, :, :height, left : left + width])
            after = sum(widths) - begin - cells
            maps.append(functional.pad(made, (begin, after, 0, tallest - made.shape[2])))
            left, begin = left + width, begin + cells
        return torch.cat(maps, dim=1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        said, begin = [], 0
        each = features.split(OUTPUTS, dim=1)
        for net, (height, width), cells in zip(self._nets(), self.frames, each, strict=True):
            rows, columns = -(-height // _STRIDE), -(-width // _STRIDE)
            own = cells[:, :, :rows, begin : begin + columns]
            said.append(own.mean(dim=(2, 3)) + net.linear.bias)
            begin += columns
        if pre_logits:
            return torch.cat(said, dim=1)
        if self.is_density:
            return mean_of_probabilities([one[:, 1:].log_softmax(dim=1) for one in said])
        return mean_of_probabilities([two_logits(one[:, :1]) for one in said])

    def plain(self) -> Classifier:
        """One of its networks alone, to see where in a picture a cell looks."""
        return Classifier(self.net0.backbone, layout=ChannelsFirst())

    def translate(self, tables: Sequence[State]) -> State:
        (state,) = plain_names(tables)
        return state


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Bundled:
    is_density = backbone.name.endswith("-density")
    return Bundled(MammoScreen(frames=[one.size for one in FRAMES], is_density=is_density))
