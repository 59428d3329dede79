"""Random changes to a batch of training images, as tensor operations on whatever device they are.

Images are (batch, 1, height, width) in [0, 1] with background 0. Each image's changes come from its
own row of `draws`, numbers in [0, 1), so they are the same in any company.
"""

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mammo_core.config import AugmentConfig

NAMES: Final = (
    "flip", "mirror", "rotation", "zoom", "down", "right", "brightness", "contrast", "gamma",
    "noise", "noise_seed", "mixup", "black", "black_top", "black_left", "black_height",
    "black_width", "sharpness",
)  # fmt: skip
_ELASTIC_GRID: Final = (8, 4)  # points that are pulled, down and across
_ELASTIC: Final = slice(len(NAMES), len(NAMES) + 2 * math.prod(_ELASTIC_GRID))
_LARGEST_BLACK: Final = 0.3  # of the image's height and width
_LEAST_TISSUE: Final = 1e-6

DRAWS: Final = _ELASTIC.stop


def augment(images: Tensor, draws: Tensor, settings: AugmentConfig) -> Tensor:
    """Move first, then change the light; what comes from outside the image is background."""
    images = _move(images, draws, settings)
    if settings.sharpness:
        images = _sharpened(images, draws, settings.sharpness)
    images = _relight(images, draws, settings)
    if settings.noise:
        images = _with_noise(images, draws, settings.noise)
    return _blacked_out(images, draws, settings.blackout) if settings.blackout else images


def mix(images: Tensor, targets: Tensor, draws: Tensor, most: float) -> tuple[Tensor, Tensor]:
    """Mix-up (Zhang et al., 2018): each image, or pair of views, under a part of its neighbour;
    labels likewise.
    """
    share = (_draw(draws, "mixup") * most)[:, None]
    mixed = targets * (1.0 - share) + targets.roll(1, dims=0) * share
    share = share.reshape(-1, *[1] * (images.ndim - 1))
    return images * (1.0 - share) + images.roll(1, dims=0) * share, mixed


def _move(images: Tensor, draws: Tensor, settings: AugmentConfig) -> Tensor:
    """Flip, mirror, turn, zoom, shift and pull in one resampling."""
    height, width = images.shape[2:]
    flip = torch.where(_draw(draws, "flip") < settings.flip, -1.0, 1.0)
    mirror = torch.where(_draw(draws, "mirror") < settings.mirror, -1.0, 1.0)
    angle = torch.deg2rad(_either_way(draws, "rotation", settings.rotation_degrees))
    zoom = 1.0 + _either_way(draws, "zoom", settings.zoom)
    down = 2.0 * _either_way(draws, "down", settings.shift)
    right = 2.0 * _either_way(draws, "right", settings.shift)
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
    if settings.elastic:
        grid = grid + _pulls(draws, settings.elastic, height=height, width=width)
    return functional.grid_sample(images, grid, align_corners=False)


def _pulls(draws: Tensor, most: float, *, height: int, width: int) -> Tensor:
    """A smooth field of displacements (batch, height, width, 2), in grid units."""
    points = (2.0 * draws[:, _ELASTIC] - 1.0).reshape(-1, 2, *_ELASTIC_GRID)
    field = functional.interpolate(
        points, size=(height, width), mode="bicubic", align_corners=False
    )
    down = 2.0 * most * width / height  # as far as across, in pixels
    return torch.stack([field[:, 0] * (2.0 * most), field[:, 1] * down], dim=3)


def _sharpened(images: Tensor, draws: Tensor, most: float) -> Tensor:
    """Fine detail taken away or brought out, as films and detectors differ in it."""
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device) / 16.0
    kernel = (line[:, None] * line[None, :])[None, None]
    detail = images - functional.conv2d(images, kernel, padding=2)
    changed = images + _each(_either_way(draws, "sharpness", most)) * detail
    return torch.where(images > 0.0, changed.clamp(0.0, 1.0), images)


def _relight(images: Tensor, draws: Tensor, settings: AugmentConfig) -> Tensor:
    """Bend, scale and lift the tissue; the background stays 0, as `prepare` makes it."""
    brightness = _each(_either_way(draws, "brightness", settings.brightness))
    contrast = _each(1.0 + _either_way(draws, "contrast", settings.contrast))
    lit = images
    if settings.gamma:
        gamma = _each(torch.exp(_either_way(draws, "gamma", math.log1p(settings.gamma))))
        lit = lit.clamp(min=_LEAST_TISSUE) ** gamma
    lit = (lit * contrast + brightness).clamp(0.0, 1.0)
    return torch.where(images > 0.0, lit, images)


def _with_noise(images: Tensor, draws: Tensor, most: float) -> Tensor:
    """Grain in the tissue, each image's from its own seed."""
    seeds = (_draw(draws, "noise_seed") * (1 << 24)).long().tolist()
    generator = torch.Generator(device=images.device)
    grain = torch.stack(
        [
            torch.randn(image.shape, generator=generator.manual_seed(seed), device=images.device)
            for image, seed in zip(images, seeds, strict=True)
        ]
    )
    noisy = images + grain * _each(_draw(draws, "noise") * most)
    return torch.where(images > 0.0, noisy.clamp(0.0, 1.0), images)


def _blacked_out(images: Tensor, draws: Tensor, chance: float) -> Tensor:
    """A black rectangle somewhere, in some images."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device)[None, :, None] / height
    columns = torch.arange(width, device=images.device)[None, None, :] / width
    tall = _draw(draws, "black_height")[:, None, None] * _LARGEST_BLACK
    wide = _draw(draws, "black_width")[:, None, None] * _LARGEST_BLACK
    top = _draw(draws, "black_top")[:, None, None] * (1.0 - tall)
    left = _draw(draws, "black_left")[:, None, None] * (1.0 - wide)
    inside = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide)
    is_chosen = (_draw(draws, "black") < chance)[:, None, None]
    return images.masked_fill((inside & is_chosen)[:, None], 0.0)


def _draw(draws: Tensor, name: str) -> Tensor:
    return draws[:, NAMES.index(name)]


def _either_way(draws: Tensor, name: str, most: float) -> Tensor:
    return (2.0 * _draw(draws, name) - 1.0) * most


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]


_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


def uniform(
    *, seed: int, epoch: int, images: NDArray[np.uint64], copies: NDArray[np.int64], count: int
) -> NDArray[np.float32]:
    """(images, count) numbers in [0, 1); `images` are their keys. A copy draws others."""
    epoch_key = _mix(_mix(np.array([seed], dtype=np.uint64)) + np.uint64(epoch))
    image_keys = _mix(_mix(epoch_key + _mix(images)) + copies.astype(np.uint64))
    places = np.arange(1, count + 1, dtype=np.uint64) * _ODD
    bits = _mix(image_keys[:, None] + places[None, :])
    return (bits >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele et al., 2014): neighbours in, strangers out. It wraps around, as meant."""
    mixed = value + _ODD
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
