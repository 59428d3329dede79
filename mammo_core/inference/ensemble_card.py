"""An ensemble as a model to read with: its members on this computer, and what they say together.

It has no weights and no card of its own. What stands for them is made of its members' cards: the
narrowest of what each of them may score, and every limit of any of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from mammo_core.errors import CheckpointError, RunError
from mammo_core.metrics.ensemble import Averaging, Ensemble
from mammo_core.runs.card import DataRecord, ModelCard, read_card
from mammo_core.runs.folder import RunFolder, find_run

Seen = Literal["synthetic", "digital", "film", "mixed", "unknown"]
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
        if read_card(found.file("model_card.json")).weights_sha256 != member.weights_sha256:
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


def _seen(records: Sequence[DataRecord]) -> Seen:
    """What one member knows nothing of, all together know nothing sound of."""
    found = {one.seen for one in records}
    if len(found) == 1:
        return records[0].seen
    if "synthetic" in found:
        return "synthetic"
    return "unknown" if "unknown" in found else "mixed"
