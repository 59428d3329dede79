"""Ways that look at the image again and again: Score-CAM and occlusion; and finer maps by shifts.

They take dozens to thousands of forward passes an image, always a bounded batch at a time.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mammo_core.explain.closed_form import Maps
from mammo_core.explain.grad_cam import log_odds
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
