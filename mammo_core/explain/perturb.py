"""Two questions to a map that need the model again: does the score hang on what it shows, and does
it show anything of what was learnt?
"""

import copy
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mammo_core.explain.cells import cells_of, shares_in_cells, spread_over_pixels
from mammo_core.explain.marked import Marked
from mammo_core.zoo.classifier import Classifier

Score = Callable[[NDArray[np.float32]], NDArray[np.floating]]

#: Shares of the breast's cells taken away or given back, the first cells being the highest.
STEPS: Final = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
_BLUR: Final = 1 / 12  # of the image's height (sigma): no lesion is left of it
_LEAST_BREAST: Final = 0.05  # of a cell


def deletion_and_insertion(
    score: Score, marked: Marked, ranks: NDArray[np.floating], *, offset: float
) -> tuple[float, float]:
    """RISE (Petsiuk et al., 2018): the mean score while cells are blurred, from the highest of
    `ranks` (rows, columns) on, and while they are given back to a blurred image. A good map has a
    low first and a high second number.
    """
    cells = cells_of(ranks.shape, marked.size, offset)
    in_breast = shares_in_cells(marked.breast, cells) >= _LEAST_BREAST
    order = np.argsort(-np.where(in_breast, ranks, -np.inf), axis=None, kind="stable")
    place = np.empty(ranks.size, dtype=np.intp)
    place[order] = np.arange(ranks.size)
    turn = spread_over_pixels(place.reshape(ranks.shape), cells, marked.size)
    sharp, blurred = marked.pixels, _blurred(marked.pixels)
    counts = [round(share * int(in_breast.sum())) for share in STEPS]
    deleted = [np.where(turn < count, blurred, sharp) for count in counts]
    inserted = [np.where(turn < count, sharp, blurred) for count in counts]
    scores = score(np.stack(deleted + inserted)).astype(np.float64)
    falling, rising = scores[: len(STEPS)], scores[len(STEPS) :]
    return float(np.trapezoid(falling, STEPS)), float(np.trapezoid(rising, STEPS))


def shuffled(classifier: Classifier, *, seed: int) -> Classifier:
    """A copy whose weights are all there and none in its place (Adebayo et al., 2018)."""
    copied = copy.deepcopy(classifier)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in copied.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return copied


def likeness(
    one: NDArray[np.floating], other: NDArray[np.floating], marked: Marked, *, offset: float
) -> float:
    """Spearman's correlation of two maps over the cells of the breast; 0 where either is flat."""
    cells = cells_of(one.shape, marked.size, offset)
    in_breast = shares_in_cells(marked.breast, cells) >= _LEAST_BREAST
    first, second = (pd.Series(values[in_breast]).rank().to_numpy() for values in (one, other))
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _blurred(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    sigma = _BLUR * pixels.shape[1]
    planes = [cv2.GaussianBlur(plane, (0, 0), sigma) for plane in pixels]
    return np.stack(planes).astype(np.float32)
