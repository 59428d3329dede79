"""Drawings of breasts whose every number is plain."""

import numpy as np

from mammo_core.types import ImageInfo, ImageRef, Mammogram, Pixels

HEIGHT, WIDTH, RADIUS = 480, 400, 160


def half_disc(*, is_right: bool = False) -> Pixels:
    """A breast as a half disc of 0.5 on black, its centre in the middle of the left edge."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    disc = np.hypot(rows - HEIGHT / 2, columns) <= RADIUS
    pixels = np.where(disc, 0.5, 0.0).astype(np.float32)
    return np.ascontiguousarray(pixels[:, ::-1]) if is_right else pixels


def mammogram_of(pixels: Pixels, *, bits: int = 16) -> Mammogram:
    info = ImageInfo(ref=ImageRef(image_id="a"), kind="drawing", bits=bits)
    return Mammogram(info=info, pixels=pixels)
