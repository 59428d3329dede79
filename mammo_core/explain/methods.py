"""Ways to say which part of an image moved the score. To add one, add one entry.

Most look at the last feature map and need the head alone; two look at the image again and again.
All but the first stretch every map to 0..1, so some point is always full colour; the first is on a
scale that images share. Transformers need nothing of their own: their tokens are laid out as a map.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import pytorch_grad_cam
import torch
from torch import Tensor, nn

from mammo_core.errors import UnknownNameError
from mammo_core.explain.grad_cam import Maps, grad_cam, log_odds
from mammo_core.explain.looks import occlusion, score_cam
from mammo_core.zoo.classifier import Classifier

Explain = Callable[[Classifier, Tensor, Sequence[int]], Maps]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """`explain(classifier, feature maps or images, positive classes)` gives one map per image."""

    name: str
    title: str
    explain: Explain
    looks_at: Literal["feature_map", "image"] = "feature_map"  # which of them `explain` takes
    is_relative: bool = True  # stretched to 0..1 in every image


class _Head(nn.Module):
    """The second half of a network, its input exposed as a layer."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.entry = nn.Identity()
        self.classifier = classifier

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.classifier.head(self.entry(feature_map))


@dataclass(frozen=True, slots=True)
class _LogOdds:
    """What pytorch-grad-cam calls a target: the number to be explained, of one image."""

    positive: tuple[int, ...]

    def __call__(self, logits: Tensor) -> Tensor:
        return log_odds(logits[None].float(), self.positive)[0]


def _by_library(
    method: Any, classifier: Classifier, feature_map: Tensor, positive: Sequence[int]
) -> Maps:
    """Run a method of pytorch-grad-cam on the head, so its map keeps the map's own resolution."""
    head = _Head(classifier)
    cam = method(model=head, target_layers=[head.entry])
    try:
        watched = feature_map.detach().requires_grad_(True)
        maps = cam(watched, targets=[_LogOdds(tuple(positive))] * len(feature_map))
    finally:
        cam.activations_and_grads.release()
    return np.asarray(maps, dtype=np.float32)


METHODS: Final[tuple[Method, ...]] = (
    Method(name="grad_cam", title="Grad-CAM", explain=grad_cam, is_relative=False),
    Method(
        name="grad_cam_relative",
        title="Grad-CAM through gradients, stretched",
        explain=partial(_by_library, pytorch_grad_cam.GradCAM),
    ),
    Method(
        name="grad_cam_plus_plus",
        title="Grad-CAM++",
        explain=partial(_by_library, pytorch_grad_cam.GradCAMPlusPlus),
    ),
    Method(
        name="hires_cam",
        title="HiResCAM",
        explain=partial(_by_library, pytorch_grad_cam.HiResCAM),
    ),
    Method(
        name="layer_cam",
        title="LayerCAM",
        explain=partial(_by_library, pytorch_grad_cam.LayerCAM),
    ),
    Method(
        name="score_cam",
        title="Score-CAM (slow)",
        explain=score_cam,
        looks_at="image",
    ),
    Method(name="occlusion", title="Occlusion (slow)", explain=occlusion, looks_at="image"),
)


def explain_with(
    method: Method, classifier: Classifier, images: Tensor, positive: Sequence[int]
) -> Maps:
    """The maps of `images`, whatever the method looks at."""
    if method.looks_at == "image":
        return method.explain(classifier, images, positive)
    with torch.no_grad():
        feature_map = classifier.features(images)
    return method.explain(classifier, feature_map, positive)


def get_method(name: str) -> Method:
    for method in METHODS:
        if method.name == name:
            return method
    raise UnknownNameError("explanation method", name, (method.name for method in METHODS))
