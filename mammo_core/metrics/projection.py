"""Vectors of many numbers drawn as points of a plane: which images a model takes for alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError

FEWEST: int = 3


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
    if len(vectors) < FEWEST:
        raise TableError(f"A map needs at least {FEWEST} images; there are {len(vectors)}.")
    centred = np.asarray(vectors, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    spreads, axes = np.linalg.eigh(centred.T @ centred)  # rising
    whole = float(spreads.sum())
    if whole <= 0.0:
        raise TableError("To this model all of these images look the same: there is no map.")
    chosen = axes[:, ::-1][:, :2]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    points = np.zeros((len(centred), 2))
    points[:, : chosen.shape[1]] = centred @ chosen
    shares = [*(max(0.0, float(one)) / whole for one in spreads[::-1][:2]), 0.0]
    return Plane(points=points, shares=(shares[0], shares[1]))
