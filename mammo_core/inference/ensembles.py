"""An ensemble as a model to read with: its members on this computer, what they say together of an
image, and how far they lie apart.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import CheckpointError, RunError
from mammo_core.metrics.ensemble import Averaging, Ensemble, load_ensemble, score_ensemble
from mammo_core.reading import Reading
from mammo_core.runs.card import DataRecord, Imaging, ModelCard
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, find_run
from mammo_core.scores import rounded
from mammo_core.types import Task

_SCORES: Final = {
    Averaging.MEAN: "The score is the mean of its members' scores, each calibrated on its own "
    "validation images.",
    Averaging.RANK_MEAN: "The score is the mean place that its members' scores take among their "
    "own validation images, 0 to 1; that is no probability.",
}


def find_members(run: RunFolder, ensemble: Ensemble, *roots: Path) -> list[RunFolder]:
    """The members' checkpoints below `roots`, in their order, with the weights they were joined
    with; a CheckpointError that names the one that is missing.
    """
    members = []
    for member in ensemble.members:
        try:
            found = find_run(member.run_id, *roots)
        except RunError:
            raise CheckpointError(
                f"The ensemble {run.run_id} cannot read: its member {member.run_id} is not here. "
                f"Bring it back (mammo checkpoints import ZIP --name {member.run_id}), or join "
                "those that are here anew (mammo ensemble)."
            ) from None
        if found.card().weights_sha256 != member.weights_sha256:
            raise CheckpointError(
                f"The ensemble {run.run_id} cannot read: its member {member.run_id} has other "
                "weights than when they were joined. Put the old ones back, or make the ensemble "
                "anew (mammo ensemble)."
            )
        members.append(found)
    return members


def card_of(
    name: str, ensemble: Ensemble, cards: Sequence[ModelCard], *, members_sha256: str
) -> ModelCard:
    """What stands beside every score of the ensemble called `name`; `cards` are its members'.

    Its `weights_sha256` is of the list of members, which holds the hashes of their weights. The
    network and its preparing are the first member's and stand nowhere; its views are the most of
    any, for what is said where one is missing.
    """
    first = cards[0]
    names = ", ".join(member.run_id for member in ensemble.members)
    limits = [_SCORES[ensemble.method], *(limit for card in cards for limit in card.limits)]
    return replace(
        first,
        model_id=name,
        model=replace(first.model, views=max(card.model.views for card in cards)),
        title=f"{ensemble.method} of {len(cards)} models ({names})",
        data=_data_of([card.data for card in cards]),
        weights_sha256=members_sha256,
        metrics=(),
        heatmap_peak=None,
        heatmap_offset=0.0,
        limits=tuple(dict.fromkeys(limits)),
    )


def _data_of(records: Sequence[DataRecord]) -> DataRecord:
    first = records[0]
    measured = set.intersection(*(set(one.file_kinds) for one in records))
    is_one = len({one.fingerprint for one in records}) == 1
    return replace(
        first,
        dataset=_together(one.dataset for one in records),
        title=_together(one.title for one in records),
        licence=_together(one.licence for one in records),
        reference_standard=_together(one.reference_standard for one in records),
        population=_together(one.population for one in records),
        seen=_seen(records),
        splits=first.splits if is_one else (),
        file_kinds=tuple(kind for kind in first.file_kinds if kind in measured),
    )


def _together(values: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(values))


def _seen(records: Sequence[DataRecord]) -> Imaging:
    """What one member knows nothing of, all together know nothing sound of."""
    found = {one.seen for one in records}
    if len(found) == 1:
        return records[0].seen
    if "synthetic" in found:
        return "synthetic"
    return "unknown" if "unknown" in found else "mixed"


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
    joined = rounded(score_ensemble(table, ensemble))
    alone = [
        rounded(score_ensemble(row[None], replace(ensemble, members=(member,))))
        for member, row in zip(ensemble.members, table, strict=True)
    ]
    return [
        Joined(score=float(score), members=tuple(of_members.tolist()))
        for score, of_members in zip(joined, np.transpose(alone), strict=True)
    ]


Floats = NDArray[np.float64]


def join_readings(name: str, joined: Joined, readings: Sequence[Reading], task: Task) -> Reading:
    """The readings of one image by an ensemble's members, as one by the ensemble called `name`.

    Its heatmap is the mean of theirs, each on its own scale, on the cells of the first one's. It
    has no embedding: what its members see in an image cannot be compared.
    """
    from mammo_core.explain.cells import PlacedMap, mean_of_maps  # and with it what lays out images

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
        outside=" ".join(dict.fromkeys(one.outside for one in readings if one.outside)),
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
