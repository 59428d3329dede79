"""The training and validation images that look most alike to the model, with their labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammo_core.runs.embeddings import Embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """`likeness` is the cosine of the angle between embeddings: 1 is the same direction."""

    image_id: str
    label: str
    split: str
    title: str  # "R CC", or "" where neither is known
    likeness: float


def nearest(embedding: NDArray[np.floating], kept: Embeddings, *, count: int) -> list[Neighbour]:
    """The `count` most alike, each of another woman: four views of one are one likeness."""
    lengths = np.linalg.norm(kept.vectors, axis=1) * np.linalg.norm(embedding)
    likeness = (kept.vectors @ embedding) / np.maximum(lengths, 1e-12)
    ordered = kept.images.assign(likeness=likeness).sort_values("likeness", ascending=False)
    chosen = ordered.drop_duplicates("group_id").head(count)
    told = chosen[["image_id", "label", "split", "side", "view"]].fillna("").astype(str)
    return [
        Neighbour(
            image_id=image_id,
            label=label,
            split=split,
            title=f"{side} {view}".strip(),
            likeness=float(like),
        )
        for (image_id, label, split, side, view), like in zip(
            told.to_numpy(), chosen["likeness"].to_numpy(), strict=True
        )
    ]
