"""Random changes to a batch of training images, as tensor operations on whatever device they are.

Images are (batch, 1, height, width) in [0, 1] with background 0. Each image's changes come from its
own row of `draws`, numbers in [0, 1).
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from mammo_core.config import AugmentConfig

#: flip, mirror, rotation, zoom, shift down, shift right, brightness, contrast
DRAWS: Final = 8


def augment(images: Tensor, draws: Tensor, settings: AugmentConfig) -> Tensor:
    """Move first, then change the light; what comes from outside the image is background."""
    return _relight(_move(images, draws, settings), draws, settings)


def _move(images: Tensor, draws: Tensor, settings: AugmentConfig) -> Tensor:
    """Flip, mirror, turn, zoom and shift in one resampling."""
    height, width = images.shape[2:]
    flip = torch.where(draws[:, 0] < settings.flip, -1.0, 1.0)
    mirror = torch.where(draws[:, 1] < settings.mirror, -1.0, 1.0)
    angle = torch.deg2rad(_either_way(draws[:, 2], settings.rotation_degrees))
    zoom = 1.0 + _either_way(draws[:, 3], settings.zoom)
    down = 2.0 * _either_way(draws[:, 4], settings.shift)
    right = 2.0 * _either_way(draws[:, 5], settings.shift)
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    # Rows of the matrix give x and y of the source in -1..1; the aspect keeps the turn rigid.
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror, -sine * flip * (height / width), right], dim=1),
            torch.stack([sine * mirror * (width / height), cosine * flip, down], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _relight(images: Tensor, draws: Tensor, settings: AugmentConfig) -> Tensor:
    """Scale and lift the tissue; the background stays 0, as `prepare` makes it."""
    brightness = _either_way(draws[:, 6], settings.brightness)[:, None, None, None]
    contrast = 1.0 + _either_way(draws[:, 7], settings.contrast)[:, None, None, None]
    lit = (images * contrast + brightness).clamp(0.0, 1.0)
    return torch.where(images > 0.0, lit, images)


def _either_way(draw: Tensor, most: float) -> Tensor:
    return (2.0 * draw - 1.0) * most
