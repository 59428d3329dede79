"""Grad-CAM (Selvaraju et al., 2017) of the last feature map, in log-odds.

The gradient of the score with respect to the last feature map does not involve the layers before
that map. So one forward pass gives score and map, and only the head is differentiated.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.zoo.classifier import Classifier

#: Full colour is this percentile of the peaks over validation images without cancer.
PEAK_PERCENTILE: Final = 99.5


def log_odds(logits: Tensor, positive: Sequence[int]) -> Tensor:
    """The logit of the summed probability of the positive classes, per image."""
    negative = [index for index in range(logits.shape[1]) if index not in positive]
    return torch.logsumexp(logits[:, list(positive)], 1) - torch.logsumexp(logits[:, negative], 1)


def grad_cam(
    classifier: Classifier, feature_map: Tensor, positive: Sequence[int]
) -> NDArray[np.float32]:
    """Evidence for the positive classes per cell of the map; under a mean pooling and a linear
    layer the cells, negative ones included, add up to the log-odds less the bias. Of views scored
    together, for the map of the first of each.
    """
    with torch.enable_grad():
        watched = feature_map.detach().requires_grad_(True)
        evidence = log_odds(classifier.head(watched).float(), positive).sum()
        (gradient,) = torch.autograd.grad(evidence, watched)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    cells = (weights * feature_map.detach()).sum(dim=1).clamp(min=0.0)[:: classifier.views]
    maps: NDArray[np.float32] = cells.float().cpu().numpy()
    return maps


def full_colour(peaks: NDArray[np.floating]) -> float | None:
    """The peak that is shown at full colour, from those of images without cancer.

    One scale for all images of a checkpoint: stretched to each image, every normal one would glow.
    """
    return float(np.percentile(peaks, PEAK_PERCENTILE)) if len(peaks) else None
