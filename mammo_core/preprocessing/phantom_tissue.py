"""One synthetic breast, seen in one view."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from mammo_core.types import Box, Laterality, Pixels, Size, View

FIELD_MM: Final = (240.0, 120.0)  # height, width of what a frame shows at least


class LesionKind(StrEnum):
    MASS = "round mass"
    SPICULATED = "spiculated mass"
    CALCIFICATIONS = "calcifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """A lesion at its place in the breast: shares of the breast's extent in each direction."""

    kind: LesionKind
    depth: float  # 0 chest wall, 1 nipple
    lateral: float  # -1 inner, 1 outer
    height: float  # -1 below, 1 above
    radius_mm: float
    contrast: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breast:
    side: Laterality
    density: str
    machine: str
    seed: tuple[int, ...]
    lesion: Lesion | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendering:
    """`pixels` in [0, 1], tissue bright; where the lesion is, if there is one."""

    pixels: Pixels
    boxes: tuple[Box, ...]
    mm_per_pixel: float


def render_view(breast: Breast, view: View, size: Size) -> Rendering:
    """Draw `breast` in `view`, the left breast's chest wall at the left."""
    mm_per_pixel = max(FIELD_MM[0] / size[0], FIELD_MM[1] / size[1])
    y, x = np.indices(size, dtype=np.float32) * np.float32(mm_per_pixel)
    rng = np.random.default_rng([*breast.seed, 0])
    depth, half = float(rng.uniform(70, 105)), float(rng.uniform(70, 95))
    middle = size[0] * mm_per_pixel / 2
    inside = 1 - np.hypot(x / depth, (y - middle) / half)
    edge = np.clip(inside * 6, 0, 1) ** 0.5
    glandular = 0.12 * "ABCD".index(breast.density) * np.clip(inside * 2, 0, 1)
    image_rng = np.random.default_rng([*breast.seed, 1, ord(breast.side), len(view)])
    noise = image_rng.normal(0, 0.015, size)
    pixels = edge * (0.3 + glandular + noise)
    boxes: tuple[Box, ...] = ()
    if breast.lesion:
        across = breast.lesion.lateral if view is View.CC else breast.lesion.height
        centre_x, centre_y = breast.lesion.depth * depth * 0.8, middle + across * half * 0.8
        radius = breast.lesion.radius_mm
        distance = np.hypot(x - centre_x, y - centre_y) / radius
        pixels += 0.25 * breast.lesion.contrast * np.clip(1 - distance**2, 0, 1)
        low, high = (centre_x - radius, centre_y - radius), (centre_x + radius, centre_y + radius)
        x0, y0, x1, y1 = (value / mm_per_pixel for value in (*low, *high))
        boxes = (Box(x0=max(x0, 0.0), y0=y0, x1=x1, y1=y1),)
    pixels = np.clip(pixels, 0, 1).astype(np.float32)
    if breast.side is Laterality.RIGHT:
        width = float(size[1])
        pixels = np.ascontiguousarray(pixels[:, ::-1])
        boxes = tuple(Box(x0=width - b.x1, y0=b.y0, x1=width - b.x0, y1=b.y1) for b in boxes)
    return Rendering(pixels=pixels, boxes=boxes, mm_per_pixel=mm_per_pixel)
