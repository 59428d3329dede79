"""What the closed form must know of a network: its head as plain arrays, and where in the image a
cell of the last feature map looks.
"""

import copy
import math
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mammo_core.config import MapPooling
from mammo_core.explain.closed_form import Head, HeadNorm, logits_of
from mammo_core.zoo.classifier import Classifier, GeneralisedMean

_TOLERANCE: Final = 1e-4
_SMALL: Final = (96, 96)  # pixels: no network of the catalog needs more


def head_of(classifier: Classifier, *, channels: int) -> Head | Classifier:
    """The head of `classifier` for `grad_cam_of`: plain arrays, or itself where it has more layers.

    `channels` is how many an image has.
    """
    if not classifier.has_plain_head:
        return classifier
    device = next(classifier.parameters()).device
    generator = torch.Generator().manual_seed(0)
    was_training = classifier.training
    classifier.eval()
    with torch.no_grad():
        width = classifier.features(torch.zeros(1, channels, *_SMALL, device=device)).shape[1]
        probe = torch.randn(2 * classifier.views, width, 3, 2, generator=generator).to(device)
        logits, layers = _watched(classifier, probe)
    classifier.train(was_training)
    seen = probe.cpu().numpy()
    for head in _candidates(layers, views=classifier.views):
        length = width * (2 if head.pooling == "avgmax" else 1)
        if head.weight.shape[1] == classifier.views * length and np.allclose(
            logits_of(head, seen), logits, rtol=_TOLERANCE, atol=_TOLERANCE
        ):
            return head
    return classifier


def _watched(classifier: Classifier, probe: Tensor) -> tuple[NDArray[Any], list[nn.Module]]:
    """The head's logits, and the layers with weights it calls, in order."""
    called: list[nn.Module] = []
    leaves = [
        module
        for module in classifier.trunk.modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    handles = [
        leaf.register_forward_pre_hook(lambda module, _inputs: called.append(module))
        for leaf in leaves
    ]
    try:
        logits = classifier.head(probe).double().cpu().numpy()
    finally:
        for handle in handles:
            handle.remove()
    return logits, called


def _candidates(layers: list[nn.Module], *, views: int) -> list[Head]:
    """The heads these layers may be; none where there are more than the closed form knows."""
    if not layers or not isinstance(layers[-1], nn.Linear):
        return []
    linear, before = layers[-1], layers[:-1]
    power, floor = 1.0, 0.0
    poolings: tuple[MapPooling, ...] = ("avg", "max", "avgmax")
    if before and isinstance(before[0], GeneralisedMean):
        poolings, power, floor = ("gem",), before[0].power.item(), before[0].floor
        before = before[1:]
    if len(before) > 1 or not all(isinstance(layer, nn.LayerNorm) for layer in before):
        return []
    arrays = {name: _array(parameter) for name, parameter in linear.named_parameters()}
    weight = arrays["weight"]
    bias = arrays.get("bias", np.zeros(len(weight)))
    norm = _norm_of(before[0]) if before else None
    return [
        Head(
            pooling=pooling, weight=weight, bias=bias, norm=norm, power=power, floor=floor,
            views=views,
        )
        for pooling in poolings
    ]  # fmt: skip


def _norm_of(layer: Any) -> HeadNorm:
    return HeadNorm(weight=_array(layer.weight), bias=_array(layer.bias), eps=layer.eps)


def _array(tensor: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return array


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
