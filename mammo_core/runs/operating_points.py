"""The thresholds a reader decided on, appended beside the model card and never changed.

The last line is the one in force. Each names the card it belongs to by its hash, and carries what
was promised on validation, so that a test set can show what was delivered. An ensemble has no card;
its points belong to the list of its members.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mammo_core.errors import RunError
from mammo_core.files import sha256_of
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder
from mammo_core.runs.lines import append_record, read_records
from mammo_core.score_map import ScoreMap
from mammo_core.types import Level

FILE_NAME: Final = "operating_points.jsonl"
AS_GIVEN: Final = "none"  # nothing was done to the scores of the model
_OWNERS: Final = ("model_card.json", MEMBERS_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Sensitivity and specificity as counted where the threshold was chosen."""

    found: int
    positives: int
    left_alone: int
    negatives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPoint:
    """A threshold with everything that decides what it means."""

    threshold: float
    level: Level
    pooling: str  # how a case's images become its score
    calibration: str  # what was done to the scores; AS_GIVEN for scores as the model gives them
    split: str  # where it was chosen
    dataset: str
    aim: str  # what it was chosen for, in words
    promise: Promise
    locked_at: str  # ISO 8601, UTC
    card_sha256: str
    score_map: ScoreMap | None = None  # what `calibration` names; None where it was not kept


def has_points(run: RunFolder) -> bool:
    """Whether thresholds can be locked for `run`: a checkpoint, or an ensemble of some."""
    return run.is_checkpoint or run.is_ensemble


def lock_point(run: RunFolder, point: LockedPoint) -> None:
    """Put `point` in force for the checkpoint or the ensemble in `run`."""
    if not has_points(run):
        raise _no_card(run)
    append_record(run.file(FILE_NAME), point)


def locked_points(run: RunFolder) -> list[LockedPoint]:
    """Every point that was ever locked for this card, the one in force last."""
    path = run.file(FILE_NAME)
    if not path.exists() or not has_points(run):
        return []
    card = card_hash(run)
    try:
        points = read_records(path, LockedPoint)
    except RunError as error:
        raise RunError(f"The operating points of {run.run_id} cannot be read: {error}") from None
    return [point for point in points if point.card_sha256 == card]


def point_in_force(run: RunFolder) -> LockedPoint | None:
    points = locked_points(run)
    return points[-1] if points else None


def card_hash(run: RunFolder) -> str:
    """Of the card; of the list of members where `run` is an ensemble."""
    for name in _OWNERS:
        with suppress(FileNotFoundError):
            return sha256_of(run.file(name))
    raise _no_card(run)


def _no_card(run: RunFolder) -> RunError:
    return RunError(
        f"{run.run_id} has no model card, so it has no operating point. Wait until it has "
        "finished; if it had, it was moved or deleted."
    )
