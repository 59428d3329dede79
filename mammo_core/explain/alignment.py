"""Where in the image a cell of the last feature map looks.

One thinks of a map of 32 x 16 cells as tiles over the image, each cell seeing its own tile. But a
3 x 3 convolution of stride 2, padded evenly, looks half a pixel up and left of its tile's middle;
five in a row, as in a ResNet, 15.5 pixels. A heatmap laid out as tiles would lie beside the lesion.
"""

import copy
import math
from typing import Final

import torch
from torch import nn

from mammo_core.zoo.classifier import Classifier

#: Tall, so that what a cell sees ends before the image does, and narrow, for time.
_HEIGHT: Final = 1536
_WIDTH: Final = 96

#: Parts that move nothing, by words in the names of their classes; the latter hold convolutions.
_STILL: Final = ("norm", "act", "relu", "gelu", "silu", "swish", "sigmoid")
_STILL_WITH_WEIGHTS: Final = ("squeezeexcite", "semodule")


def cell_offset(classifier: Classifier, *, channels: int) -> float:
    """How far below and right of its tile's middle a cell looks, in pixels, to half a pixel.

    Every convolution is made to average and all else to pass on what it is given. Fed with an image
    whose grey is its row, each cell then tells the middle of the rows it sees. Kernels are square
    and alike both ways, so one number serves both axes. Attention looks everywhere; its tiles are
    exact, and so they are taken to be in a network that cannot be told by this.
    """
    if classifier.has_attention:
        return 0.0
    network = copy.deepcopy(classifier).cpu().double().eval()
    _make_averaging(network)
    rows = torch.arange(_HEIGHT, dtype=torch.float64)[:, None].expand(_HEIGHT, _WIDTH)
    rows = (rows + 0.5 - _HEIGHT / 2) / _HEIGHT
    # A maximum picks the last row of rising grey and the first of falling: on average, neither.
    # All of it is positive, for what is padded is 0 and must never be the maximum.
    white = torch.ones_like(rows)
    images = torch.stack([white, white + rows, white - rows])[:, None].repeat(1, channels, 1, 1)
    with torch.no_grad():
        feature_map = network.each.features(images)
    cells, row = feature_map.shape[2], feature_map.shape[2] // 2
    weight, rising, falling = feature_map[:, :, row, feature_map.shape[3] // 2].mean(dim=1)
    looks_at = _HEIGHT * float((rising - falling) / (2.0 * weight))
    middle = _HEIGHT * ((row + 0.5) / cells - 0.5)
    return round(2.0 * (looks_at - middle)) / 2.0 if math.isfinite(looks_at) else 0.0


def _make_averaging(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if _is_still(child):
                setattr(parent, name, nn.Identity())
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            with torch.no_grad():
                module.weight.fill_(1.0 / module.weight[0].numel())
                if module.bias is not None:
                    module.bias.zero_()


def _is_still(module: nn.Module) -> bool:
    kind = type(module).__name__.lower()
    if any(word in kind for word in _STILL_WITH_WEIGHTS):
        return True
    has_weights = any(isinstance(inner, nn.Conv2d | nn.Linear) for inner in module.modules())
    return not has_weights and any(word in kind for word in _STILL)
