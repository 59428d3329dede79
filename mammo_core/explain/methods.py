"""Ways to say which part of an image moved the score. To add one, add one entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.errors import UnknownNameError
from mammo_core.explain.closed_form import Maps
from mammo_core.explain.grad_cam import grad_cam, log_odds
from mammo_core.reading import METHOD_TITLES, OWN_METHOD, OWN_TITLE
from mammo_core.zoo.classifier import Classifier

BATCH: Final = 16
#: Rows of patches that occlusion covers in turn: at 1024 rows of 24 cm, 15 mm each.
PATCHES: Final = 16


def score_cam(classifier: Classifier, images: Tensor, positive: Sequence[int]) -> Maps:
    """Score-CAM (Wang et al., 2020), stretched to 0..1: channels weigh what the image scores when
    dimmed by each. As many passes as the map has channels.

    As pytorch-grad-cam has it, which holds all dimmed copies at once: 2.7 GB for MobileNetV2 at
    1024 x 512.
    """
    with torch.no_grad():
        maps = [_score_cam(classifier, image[None], positive) for image in images]
    return stretched(np.stack(maps))


def occlusion(classifier: Classifier, images: Tensor, positive: Sequence[int]) -> Maps:
    """Zeiler and Fergus (2014), stretched to 0..1: how far the log-odds fall when a patch is
    covered with the mean grey around it. One pass per patch.
    """
    side = max(1, round(images.shape[2] / PATCHES))
    with torch.no_grad():
        maps = [_occlusion(classifier, image[None], positive, side) for image in images]
    return stretched(np.stack(maps))


def finer(
    look: Callable[[NDArray[np.float32]], Maps], images: NDArray[np.float32], *, factor: int = 2
) -> Maps:
    """A map with `factor` times the rows and columns, its cells still on the scale of `look`.

    `look` makes maps of images (images, channels, height, width). It sees them shifted by parts of
    a cell, `factor` squared times; each fine cell is the mean of the coarse ones that covered it.
    """
    rows, columns = look(images).shape[1:]
    sums = np.zeros((len(images), rows * factor, columns * factor), dtype=np.float32)
    counts = np.zeros_like(sums)
    steps = [
        side / (cells * factor)
        for side, cells in zip(images.shape[2:], (rows, columns), strict=True)
    ]
    for down in range(factor):
        for right in range(factor):
            shifted = _shifted(images, round(down * steps[0]), round(right * steps[1]))
            coarse = look(shifted).repeat(factor, axis=1).repeat(factor, axis=2)
            height, width = rows * factor - down, columns * factor - right
            sums[:, down:, right:] += coarse[:, :height, :width]
            counts[:, down:, right:] += 1.0
    return np.divide(sums, counts, dtype=np.float32)


def stretched(maps: NDArray[np.floating[Any]]) -> Maps:
    """Each map from 0 to 1; a flat one stays 0."""
    low = maps.min(axis=(1, 2), keepdims=True)
    height = maps.max(axis=(1, 2), keepdims=True) - low
    result: Maps = ((maps - low) / np.where(height > 0.0, height, 1.0)).astype(np.float32)
    return result


def _score_cam(
    classifier: Classifier, image: Tensor, positive: Sequence[int]
) -> NDArray[np.float32]:
    (channels,) = classifier.features(image)
    scores = []
    for part in channels.split(BATCH):
        lit = functional.interpolate(
            part[None].float(), size=image.shape[2:], mode="bilinear", align_corners=True
        )[0]
        low = lit.amin(dim=(1, 2), keepdim=True)
        mask = (lit - low) / (lit.amax(dim=(1, 2), keepdim=True) - low + 1e-8)
        scores.append(log_odds(classifier(image * mask[:, None]).float(), positive))
    weights = torch.cat(scores).softmax(dim=0)
    cells = (weights[:, None, None] * channels).sum(dim=0).clamp(min=0.0)
    found: NDArray[np.float32] = cells.float().cpu().numpy()
    return found


def _occlusion(
    classifier: Classifier, image: Tensor, positive: Sequence[int], side: int
) -> NDArray[np.float32]:
    height, width = image.shape[2:]
    corners = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    whole = log_odds(classifier(image).float(), positive)
    falls = []
    for start in range(0, len(corners), BATCH):
        part = corners[start : start + BATCH]
        covered = image.repeat(len(part), 1, 1, 1)
        for one, (top, left) in zip(covered, part, strict=True):
            around = one[
                :, max(0, top - side) : top + 2 * side, max(0, left - side) : left + 2 * side
            ]
            one[:, top : top + side, left : left + side] = around.mean(dim=(1, 2), keepdim=True)
        falls.append(whole - log_odds(classifier(covered).float(), positive))
    rows = len(range(0, height, side))
    cells = torch.cat(falls).clamp(min=0.0).reshape(rows, -1)
    found: NDArray[np.float32] = cells.cpu().numpy()
    return found


def _shifted(images: NDArray[np.float32], down: int, right: int) -> NDArray[np.float32]:
    """What lies `down` and `right` of the corner moved into it; the far edges are repeated."""
    padded = np.pad(images, ((0, 0), (0, 0), (0, down), (0, right)), mode="edge")
    return np.ascontiguousarray(padded[:, :, down:, right:])


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
    method: str, classifier: Classifier, feature_map: Tensor, positive: Sequence[int]
) -> Maps:
    """Run a method of pytorch-grad-cam on the head, so its map keeps the map's own resolution."""
    import pytorch_grad_cam  # with matplotlib and more: most who read never ask for it

    head = _Head(classifier)
    cam = getattr(pytorch_grad_cam, method)(model=head, target_layers=[head.entry])
    try:
        watched = feature_map.detach().requires_grad_(True)
        maps = cam(watched, targets=[_LogOdds(tuple(positive))] * len(feature_map))
    finally:
        cam.activations_and_grads.release()
    return np.asarray(maps, dtype=np.float32)


METHODS: Final[tuple[Method, ...]] = (
    Method(name="grad_cam", title=METHOD_TITLES["grad_cam"], explain=grad_cam, is_relative=False),
    Method(
        name="grad_cam_relative",
        title=METHOD_TITLES["grad_cam_relative"],
        explain=partial(_by_library, "GradCAM"),
    ),
    Method(
        name="grad_cam_plus_plus",
        title=METHOD_TITLES["grad_cam_plus_plus"],
        explain=partial(_by_library, "GradCAMPlusPlus"),
    ),
    Method(
        name="hires_cam",
        title=METHOD_TITLES["hires_cam"],
        explain=partial(_by_library, "HiResCAM"),
    ),
    Method(
        name="layer_cam",
        title=METHOD_TITLES["layer_cam"],
        explain=partial(_by_library, "LayerCAM"),
    ),
    Method(
        name="score_cam",
        title=METHOD_TITLES["score_cam"],
        explain=score_cam,
        looks_at="image",
    ),
    Method(name="occlusion", title=METHOD_TITLES["occlusion"], explain=occlusion, looks_at="image"),
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


def own_map(classifier: Classifier, feature_map: Tensor, positive: Sequence[int]) -> Maps:
    """What a network itself says of each cell, from 0 to 1, whatever it scores."""
    with torch.no_grad():
        found: Maps = classifier.own_map(feature_map).float().cpu().numpy()
    return found


OWN: Final = Method(name=OWN_METHOD, title=OWN_TITLE, explain=own_map, is_relative=False)


def method_for(classifier: Classifier, name: str) -> Method:
    """The method of that name; the usual one where it is the own map of a network without one."""
    if name == OWN_METHOD:
        return OWN if classifier.has_own_map else METHODS[0]
    return get_method(name)


def get_method(name: str) -> Method:
    for method in METHODS:
        if method.name == name:
            return method
    raise UnknownNameError("explanation method", name, (method.name for method in METHODS))
