"""How much a score moves with small changes of the image that change nothing in the breast.

Mirrored top to bottom, and shifted by a few pixels each way. How far the scores lie apart tells of
the model's steadiness; it is no interval for this woman, and is not called one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.inference.checkpoint import Checkpoint
from mammo_core.inference.engine import Engine
from mammo_core.inference.predictor import probabilities_of, score_of
from mammo_core.preprocessing.prepare import prepare
from mammo_core.types import Mammogram

_SHIFT: Final = 1 / 64  # of the longer side


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The score of each look at one image; the first is the image as it is."""

    names: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def lowest(self) -> float:
        return min(self.scores)

    @property
    def highest(self) -> float:
        return max(self.scores)


def spread_of(
    checkpoint: Checkpoint, engine: Engine, mammogram: Mammogram, partner: Mammogram | None = None
) -> Spread:
    """The scores of `mammogram` as it is, mirrored, and shifted four ways, in one batch.

    A network over two views sees each look beside `partner` as it is; beside itself where there is
    none, or where that is the same image.
    """
    settings, task = checkpoint.card.prepare, checkpoint.card.task
    looks = looks_at(prepare(mammogram, settings).pixels)
    batch = np.stack(list(looks.values()))
    if checkpoint.model.views == 2:
        other = batch
        if partner is not None and partner.ref != mammogram.ref:
            other = prepare(partner, settings).pixels
        batch = np.stack([batch, np.broadcast_to(other, batch.shape)], axis=1)
    outputs = engine.run(batch)
    scores = [score_of(row, task) for row in probabilities_of(outputs.logits)]
    return Spread(names=tuple(looks), scores=tuple(scores))


def looks_at(pixels: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """`pixels` (channels, height, width) as it is and changed; what a shift bares is the edge."""
    by = max(1, round(max(pixels.shape[1:]) * _SHIFT))
    return {
        "as it is": pixels,
        "mirrored": np.ascontiguousarray(pixels[:, ::-1]),
        "shifted up": _shifted(pixels, rows=-by),
        "shifted down": _shifted(pixels, rows=by),
        "shifted to the chest wall": _shifted(pixels, columns=-by),
        "shifted to the nipple": _shifted(pixels, columns=by),
    }


def _shifted(
    pixels: NDArray[np.float32], *, rows: int = 0, columns: int = 0
) -> NDArray[np.float32]:
    by = max(abs(rows), abs(columns))
    padded = np.pad(pixels, ((0, 0), (by, by), (by, by)), mode="edge")
    height, width = pixels.shape[1:]
    top, left = by - rows, by - columns
    return np.ascontiguousarray(padded[:, top : top + height, left : left + width])
