"""How like the training images an image looks to the model, told against images it had not seen.

The distance is to the nearest few training images (Sun 2022, "Out-of-distribution detection with
deep nearest neighbors"), every number of the embedding in units of its own spread. It changes no
score: it says how much the score can be expected to mean.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.runs.embeddings import Embeddings
from mammo_core.types import Split

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
