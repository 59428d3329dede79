"""A network's head as plain arrays, where it is simple enough for the closed form.

No architecture is named here: the head is run once, the layers it calls are noted, and what was
made of them must give the head's own logits. A head that does not pass is left to torch.
"""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mammo_core.explain.closed_form import Head, HeadNorm, logits_of
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.pooling import GeneralisedMean, Pooling

_TOLERANCE: Final = 1e-4
_SMALL: Final = (96, 96)  # pixels: no network of the catalog needs more


def head_of(classifier: Classifier, *, channels: int) -> Head | Classifier:
    """The head of `classifier` for `grad_cam_of`: plain arrays, or itself where it has more layers.

    `channels` is how many an image has.
    """
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
        if head.weight.shape[1] == classifier.views * width and np.allclose(
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
    poolings: tuple[Pooling, ...] = ("avg", "max")
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
