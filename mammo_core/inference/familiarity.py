"""How like the training images an image looks to the model, which of them look most alike, and how
much its score moves with changes that change nothing in the breast.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.inference.checkpoint import Checkpoint
from mammo_core.inference.engine import Engine
from mammo_core.preprocessing.prepare import prepare
from mammo_core.runs.sidecars import Embeddings
from mammo_core.scores import probabilities_of, scores_of
from mammo_core.types import Mammogram, Split

#: The distance is that to the fifth nearest: one odd training image makes nothing familiar.
NEIGHBOURS: Final = 5
#: From this share of validation images nearer, an image is called unlike.
UNLIKE: Final = 0.99
#: With fewer validation images, "further than all of them" means little.
LEAST_REFERENCES: Final = 20

#: A number that never varied in training would make every other value infinitely far.
_LEAST_SPREAD: Final = 1e-3

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiarity:
    """How many of the validation images lie nearer to the training images than this one."""

    nearer: int
    of: int

    @property
    def is_unlike(self) -> bool:
        return self.nearer >= UNLIKE * self.of

    @property
    def in_words(self) -> str:
        told = f"{self.nearer:,} of {self.of:,} validation images"
        if self.is_unlike:
            return (
                "Unlike the images this model learnt from: further from them than "
                f"{told}. Is it a photo, a chest film, or from another vendor? Its score may mean "
                "nothing."
            )
        return f"Further from the training images than {told}."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """The training images, and the distances of the validation images to them."""

    training: NDArray[np.float32]
    distances: NDArray[np.float32]  # rising
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]


def make_reference(kept: Embeddings) -> Reference | None:
    """None where too few images are kept to tell by."""
    training, validation = kept.of(Split.TRAIN), kept.of(Split.VAL)
    if len(validation) < LEAST_REFERENCES or len(training) < NEIGHBOURS:
        return None
    mean, spread = training.mean(axis=0), np.maximum(training.std(axis=0), _LEAST_SPREAD)
    training, validation = (training - mean) / spread, (validation - mean) / spread
    return Reference(
        training=training,
        distances=np.sort(_distances(validation, training)),
        mean=mean,
        spread=spread,
    )


def familiarity(embedding: Floats, reference: Reference) -> Familiarity:
    placed = np.asarray((embedding - reference.mean) / reference.spread, dtype=np.float32)
    (distance,) = _distances(placed[None], reference.training)
    nearer = int(np.searchsorted(reference.distances, distance, side="left"))
    return Familiarity(nearer=nearer, of=len(reference.distances))


def _distances(vectors: NDArray[np.float32], training: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each vector to its NEIGHBOURS-th nearest of `training`, without all differences at once:
    |a - b|^2 = |a|^2 + |b|^2 - 2 ab.
    """
    squares = (vectors**2).sum(axis=1)[:, None] + (training**2).sum(axis=1)
    squares = squares - 2.0 * (vectors @ training.T)
    near = np.partition(squares, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    return np.asarray(np.sqrt(np.maximum(near, 0.0)), dtype=np.float32)


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
    settings = checkpoint.card.prepare
    looks = looks_at(prepare(mammogram, settings).pixels)
    batch = np.stack(list(looks.values()))
    if checkpoint.model.views == 2:
        other = batch
        if partner is not None and partner.ref != mammogram.ref:
            other = prepare(partner, settings).pixels
        batch = np.stack([batch, np.broadcast_to(other, batch.shape)], axis=1)
    scores = scores_of(probabilities_of(engine.run(batch).logits), checkpoint.card.task)
    return Spread(names=tuple(looks), scores=tuple(scores.tolist()))


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
