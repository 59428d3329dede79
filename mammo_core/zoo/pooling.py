"""From a feature map to one vector: mean, maximum, or something between."""

from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["avg", "max", "gem"]


class GeneralisedMean(nn.Module):
    """GeM (Radenovic et al., 2018): power 1 is the mean, a large power the maximum; learned.

    A lesion fills a few cells of the map; the mean drowns it, the maximum trains on one cell only.
    """

    def __init__(self, power: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(power))
        self.floor = floor

    def forward(self, feature_map: Tensor) -> Tensor:
        powered = feature_map.float().clamp(min=self.floor).pow(self.power)
        pooled: Tensor = powered.mean(dim=(2, 3), keepdim=True).pow(1.0 / self.power)
        return pooled.to(feature_map.dtype)


def make_pooling(name: Pooling) -> nn.Module:
    if name == "gem":
        return GeneralisedMean()
    return nn.AdaptiveAvgPool2d(1) if name == "avg" else nn.AdaptiveMaxPool2d(1)
