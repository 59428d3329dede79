"""The three classical 3 x 3 filters: two that smooth and one that sharpens."""

from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Pixels

FilterName = Literal["none", "gaussian", "mean", "laplacian"]

GAUSSIAN: Final = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=np.float32) / np.float32(16)
MEAN: Final = np.ones((3, 3), dtype=np.float32) / np.float32(9)
LAPLACIAN: Final = np.array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]], dtype=np.float32)

_KERNELS: Final[dict[str, Pixels]] = {"gaussian": GAUSSIAN, "mean": MEAN, "laplacian": LAPLACIAN}
_PANELS: Final[tuple[tuple[FilterName, str], ...]] = (
    ("none", "Original"),
    ("gaussian", "Gaussian"),
    ("mean", "Mean"),
    ("laplacian", "Laplacian"),
)
_TITLE_ROWS: Final = 24


def apply_filter(pixels: Pixels, name: FilterName) -> Pixels:
    """`pixels` under one filter, cut off at 0 and 1. The image goes on mirrored past its edge."""
    if name == "none":
        return pixels
    filtered = cv2.filter2D(pixels, cv2.CV_32F, _KERNELS[name], borderType=cv2.BORDER_REFLECT_101)
    return np.clip(filtered, 0.0, 1.0).astype(np.float32)


def three_filters_picture(pixels: Pixels, *, height: int = 512) -> NDArray[np.uint8]:
    """The original and the three filters side by side, titles above, for the eye.

    An image higher than `height` is reduced first, as a model's input would be: on all its pixels
    a 3 x 3 kernel would do nothing that can be seen.
    """
    reduction = max(1.0, pixels.shape[0] / height)
    size = (max(1, round(pixels.shape[1] / reduction)), max(1, round(pixels.shape[0] / reduction)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    return np.hstack([_panel(apply_filter(small, name), title) for name, title in _PANELS])


def filters_png(pixels: Pixels) -> bytes:
    """`three_filters_picture` as a PNG file."""
    _, encoded = cv2.imencode(".png", three_filters_picture(pixels))
    return encoded.tobytes()


def _panel(pixels: Pixels, title: str) -> NDArray[np.uint8]:
    image = np.rint(np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8)
    strip = np.zeros((_TITLE_ROWS, image.shape[1]), dtype=np.uint8)
    cv2.putText(strip, title, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    return np.vstack([strip, image])
