"""What an ensemble says of new images: one score, and how far its members lie apart."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import RunError
from mammo_core.metrics.ensemble import Averaging, Ensemble, load_ensemble, score_ensemble
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Of one image: the ensemble's score, and each member's on the same scale, in their order."""

    score: float
    members: tuple[float, ...]

    @property
    def lowest(self) -> float:
        return min(self.members)

    @property
    def highest(self) -> float:
        return max(self.members)


def reading_ensemble(run: RunFolder) -> Ensemble | None:
    """The ensemble in `run`; None where it is none, or none that can score new images."""
    if not run.is_ensemble:
        return None
    ensemble = load_ensemble(run.file(MEMBERS_NAME))
    return None if ensemble.method is Averaging.OUT_OF_FOLD else ensemble


def ensembles_with(run_id: str, runs: Iterable[RunFolder]) -> list[RunFolder]:
    """Those of `runs` that can score new images and have `run_id` among their members.

    What cannot be read is left out: its own page says why.
    """
    found = []
    for run in runs:
        with suppress(RunError):
            ensemble = reading_ensemble(run)
            if ensemble and any(member.run_id == run_id for member in ensemble.members):
                found.append(run)
    return found


def join_scores(ensemble: Ensemble, scores: Sequence[Sequence[float]]) -> list[Joined]:
    """One per image, from the scores of each member, in the order of the ensemble's members."""
    table: NDArray[np.float64] = np.asarray(scores, dtype=np.float64)
    joined = score_ensemble(table, ensemble)
    alone = np.stack(
        [
            score_ensemble(row[None], replace(ensemble, members=(member,)))
            for member, row in zip(ensemble.members, table, strict=True)
        ]
    )
    return [
        Joined(score=float(score), members=tuple(float(value) for value in column))
        for score, column in zip(joined, alone.T, strict=True)
    ]
