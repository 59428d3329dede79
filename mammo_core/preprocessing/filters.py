"""The three classical 3 x 3 filters: two that smooth and one that sharpens."""

from typing import Final, Literal

import cv2
import numpy as np

from mammo_core.types import Pixels

FilterName = Literal["none", "gaussian", "mean", "laplacian"]

GAUSSIAN: Final = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=np.float32) / np.float32(16)
MEAN: Final = np.ones((3, 3), dtype=np.float32) / np.float32(9)
LAPLACIAN: Final = np.array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]], dtype=np.float32)

_KERNELS: Final[dict[str, Pixels]] = {"gaussian": GAUSSIAN, "mean": MEAN, "laplacian": LAPLACIAN}


def apply_filter(pixels: Pixels, name: FilterName) -> Pixels:
    """`pixels` under one filter, cut off at 0 and 1. The image goes on mirrored past its edge."""
    if name == "none":
        return pixels
    filtered = cv2.filter2D(pixels, cv2.CV_32F, _KERNELS[name], borderType=cv2.BORDER_REFLECT_101)
    return np.clip(filtered, 0.0, 1.0).astype(np.float32)
