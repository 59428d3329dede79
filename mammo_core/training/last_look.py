"""One look at images with the weights that are kept: what the network says of each, how far its
heatmap lights up, and the vector it is to the last layer. The costly half is asked once for all.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mammo_core.explain.grad_cam import full_colour, grad_cam
from mammo_core.training.batches import EvaluationBatches
from mammo_core.types import Task
from mammo_core.zoo.classifier import Classifier


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LastLook:
    """A row per image, in the order of the image set; where two views are scored together, per
    image with its partner.
    """

    logits: NDArray[np.float32]  # (images, classes)
    peaks: NDArray[np.float32]  # (images,): the highest cell of the Grad-CAM map
    vectors: NDArray[np.float32]  # (images, length)


@torch.no_grad()
def look_at(classifier: Classifier, batches: EvaluationBatches, task: Task) -> LastLook:
    """In full precision."""
    classifier.eval()
    logits, peaks, vectors = [], [], []
    for images, _ in batches.epoch(0):
        maps = classifier.features(images)
        logits.append(classifier.head(maps).float().cpu().numpy())
        peaks.append(grad_cam(classifier, maps, task.positive_indices).max(axis=(1, 2)))
        vectors.append(classifier.embed(maps).float().cpu().numpy())
    return LastLook(
        logits=np.concatenate(logits),
        peaks=np.concatenate(peaks),
        vectors=np.concatenate(vectors),
    )


def heatmap_peak(look: LastLook, labels: NDArray[np.int64], task: Task) -> float | None:
    """What a cell of the map reaches in images without cancer: the scale of heatmaps."""
    return full_colour(look.peaks[~np.isin(labels, task.positive_indices)])
