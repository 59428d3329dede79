"""What an ensemble says of one image: one score, and one heatmap made of its members'."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mammo_core.explain.mean_map import PlacedMap, mean_of_maps
from mammo_core.inference.ensemble_score import Joined
from mammo_core.inference.predictor import Reading
from mammo_core.types import Task

Floats = NDArray[np.float64]


def join_readings(name: str, joined: Joined, readings: Sequence[Reading], task: Task) -> Reading:
    """The readings of one image by an ensemble's members, as one by the ensemble called `name`.

    Its heatmap is the mean of theirs, each on its own scale, on the cells of the first one's. It
    has no embedding: what its members see in an image cannot be compared.
    """
    first = readings[0]
    maps = [
        PlacedMap(evidence=one.evidence, geometry=one.geometry, offset=one.offset)
        for one in readings
    ]
    shares = np.mean([one.probabilities for one in readings], axis=0)
    return replace(
        first,
        model_id=name,
        engine=", ".join(dict.fromkeys(one.engine for one in readings)),
        score=joined.score,
        probabilities=tuple(float(share) for share in _with_score(shares, joined.score, task)),
        evidence=mean_of_maps(maps),
        is_relative=any(one.is_relative for one in readings),
        embedding=np.empty(0, dtype=np.float32),
    )


def _with_score(shares: Floats, score: float, task: Task) -> Floats:
    """The positive classes share the score, the others the rest, as they shared before."""
    found = np.empty_like(shares)
    positive = np.zeros(len(shares), dtype=np.bool_)
    positive[list(task.positive_indices)] = True
    for among, whole in ((positive, score), (~positive, 1.0 - score)):
        old = shares[among].sum()
        part = shares[among] / old if old > 0.0 else np.full(among.sum(), 1.0 / among.sum())
        found[among] = whole * part
    return found
