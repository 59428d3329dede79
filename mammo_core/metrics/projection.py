"""Vectors of many numbers drawn as points of a plane: which images a model takes for alike."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError

FEWEST: Final = 3
MOST_NEIGHBOURS: Final = 2000  # images placed by their neighbours: some ten seconds on two cores
_PERPLEXITY: Final = 30.0  # about as many neighbours stay close (van der Maaten, Hinton 2008)


_ALL_ALIKE: Final = "To this model all of these images look the same: there is no map."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """A point per vector, and the share of all differences that lies along each of its two axes:
    what the plane does not show is the rest.
    """

    points: NDArray[np.float64]  # (vectors, 2)
    shares: tuple[float, float]


def principal_plane(vectors: NDArray[np.floating]) -> Plane:
    """The plane in which `vectors` differ most (principal components). Of the two ways to draw an
    axis, the one along which its largest number grows: the same vectors make the same map.
    """
    _need_enough(vectors)
    centred = np.asarray(vectors, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    spreads, axes = np.linalg.eigh(centred.T @ centred)  # rising
    whole = float(spreads.sum())
    if whole <= 0.0:
        raise TableError(_ALL_ALIKE)
    chosen = axes[:, ::-1][:, :2]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    points = np.zeros((len(centred), 2))
    points[:, : chosen.shape[1]] = centred @ chosen
    shares = [*(max(0.0, float(one)) / whole for one in spreads[::-1][:2]), 0.0]
    return Plane(points=points, shares=(shares[0], shares[1]))


def neighbour_plane(vectors: NDArray[np.floating], *, seed: int) -> NDArray[np.float64]:
    """A point per vector so that neighbours stay neighbours (t-SNE). How far apart groups lie, and
    how large they are, means nothing; another seed draws another map.
    """
    _need_enough(vectors)
    if np.ptp(vectors, axis=0).max() <= 0.0:
        raise TableError(_ALL_ALIKE)
    from sklearn.manifold import TSNE  # slow, and few visits ask for it

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    placing = TSNE(perplexity=perplexity, init="random", random_state=seed)
    placed: NDArray[np.float64] = placing.fit_transform(np.asarray(vectors, dtype=np.float32))
    return placed.astype(np.float64)


def spread_choice(count: int, *, most: int, seed: int) -> NDArray[np.intp]:
    """The places of `most` of `count` images, by chance and in their order; of all where fewer."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, size=most, replace=False))


def _need_enough(vectors: NDArray[np.floating]) -> None:
    if len(vectors) < FEWEST:
        raise TableError(f"A map needs at least {FEWEST} images; there are {len(vectors)}.")
