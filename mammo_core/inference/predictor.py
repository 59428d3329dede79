"""Score and heatmap of mammograms by a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from mammo_core.explain.methods import Method, get_method
from mammo_core.inference.checkpoint import Checkpoint
from mammo_core.preprocessing.prepare import prepare, restore_map
from mammo_core.types import Geometry, ImageRef, Mammogram, Pixels

ENGINE = "torch fp32"
DEFAULT_METHOD = "grad_cam"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What a checkpoint says of one image, and where in it the score comes from."""

    ref: ImageRef
    model_id: str
    engine: str
    score: float
    probabilities: tuple[float, ...]  # in the order of the task's classes
    evidence: NDArray[np.float32]  # the map at its own resolution; 1 is full colour
    method: str
    is_relative: bool  # stretched to this image: some point is always full colour
    offset: float  # prepared pixels from the middle of a cell's tile to where the cell looks
    geometry: Geometry

    @property
    def heatmap(self) -> Pixels:
        """The evidence laid onto the source image, 0 to 1; made anew at every call, for it is as
        large as the image.
        """
        rows, columns = self.geometry.offset
        placed = replace(self.geometry, offset=(rows - self.offset, columns - self.offset))
        return restore_map(np.clip(self.evidence, 0.0, 1.0), placed)

    @property
    def stands_out(self) -> bool:
        """Whether any region reaches what one image without cancer in two hundred reaches."""
        return not self.is_relative and bool(self.evidence.max() >= 1.0)


def score_images(
    checkpoint: Checkpoint, mammograms: Sequence[Mammogram], *, method: str = DEFAULT_METHOD
) -> list[Reading]:
    """One reading per mammogram, in one batch and in full precision."""
    card, model = checkpoint.card, checkpoint.model
    prepared = [prepare(mammogram, card.prepare) for mammogram in mammograms]
    device = next(model.parameters()).device
    images = torch.from_numpy(np.stack([one.pixels for one in prepared])).to(device)
    with torch.no_grad():
        feature_map = model.features(images)
        probabilities = model.head(feature_map).double().softmax(dim=1).cpu().numpy()
    chosen = get_method(method)
    positive = card.task.positive_indices
    seen = images if chosen.looks_at == "image" else feature_map
    maps = chosen.explain(model, seen, positive)
    maps, is_relative = _coloured(maps, chosen, card.heatmap_peak)
    return [
        Reading(
            ref=mammogram.ref,
            model_id=card.model_id,
            engine=ENGINE,
            score=float(min(1.0, row[list(positive)].sum())),
            probabilities=tuple(float(value) for value in row),
            evidence=evidence,
            method=chosen.name,
            is_relative=is_relative,
            offset=card.heatmap_offset,
            geometry=one.geometry,
        )
        for mammogram, one, row, evidence in zip(
            mammograms, prepared, probabilities, maps, strict=True
        )
    ]


def _coloured(
    maps: NDArray[np.float32], method: Method, peak: float | None
) -> tuple[NDArray[np.float32], bool]:
    """Maps on the checkpoint's scale, else stretched to their own highest point."""
    if method.is_relative:
        return maps, True
    if peak:
        return maps / np.float32(peak), False
    highest = maps.max(axis=(1, 2), keepdims=True)
    return maps / np.maximum(highest, np.finfo(np.float32).tiny), True
