"""The thresholds a reader decided on, and how often the results of a test set were looked at: logs
beside the model card, only ever appended.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mammo_core.errors import CheckpointError, DiskError, RunError
from mammo_core.files import sha256_of
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, card_hash, list_runs
from mammo_core.runs.sidecars import append_record, read_records
from mammo_core.scores import ScoreMap
from mammo_core.types import Level

POINTS_FILE: Final = "operating_points.jsonl"  # locked by users, who so never change what ships
MODEL_POINTS_FILE: Final = "model_points.jsonl"  # those that come with the model
AS_GIVEN: Final = "none"  # nothing was done to the scores of the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Sensitivity and specificity as counted where the threshold was chosen; the last two say how
    many women of their own would tell as much, 0 where an old record does not know.
    """

    found: int
    positives: int
    left_alone: int
    negatives: int
    effective_positives: float = 0.0
    effective_negatives: float = 0.0


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
    cases_sha256: str = ""  # of the cases it was chosen on, with their scores; "" in older logs
    comes_with_model: bool = False  # chosen where it was made and passed on with it, not here
    unlocked_at: str = ""  # ISO 8601, UTC: such a line takes the same point out of force


def has_points(run: RunFolder) -> bool:
    """Whether thresholds can be locked for `run`: a checkpoint, or an ensemble of some."""
    return run.is_checkpoint or run.is_ensemble


def lock_point(run: RunFolder, point: LockedPoint) -> None:
    """Put `point` in force for the checkpoint or the ensemble in `run`; where it comes with the
    model, only while users lock none.
    """
    if not has_points(run):
        raise _no_card(run)
    name = MODEL_POINTS_FILE if point.comes_with_model else POINTS_FILE
    append_record(run.file(name), point)


def unlock_point(run: RunFolder, *, now: str) -> None:
    """Take the point in force out of it; that it was locked stays written down."""
    point = point_in_force(run)
    if point is None:
        raise RunError(f"No threshold is locked for {run.run_id}, so none can be unlocked.")
    append_record(run.file(POINTS_FILE), replace(point, unlocked_at=now))


def locked_points(run: RunFolder) -> list[LockedPoint]:
    """Every point that was ever locked for this card: first those that come with the model, then
    those of its users, the newest last.
    """
    return [point for point in _lines(run) if not point.unlocked_at]


def point_in_force(run: RunFolder) -> LockedPoint | None:
    """The last of them, where it was not unlocked since."""
    points = _lines(run)
    return None if not points or points[-1].unlocked_at else points[-1]


def _lines(run: RunFolder) -> list[LockedPoint]:
    files = (run.file(MODEL_POINTS_FILE), run.file(POINTS_FILE))
    if not any(path.exists() for path in files) or not has_points(run):
        return []
    card = card_hash(run)
    try:
        shipped, own = (
            list(read_records(path, LockedPoint)) if path.exists() else [] for path in files
        )
    except RunError as error:
        raise RunError(f"The operating points of {run.run_id} cannot be read: {error}") from None
    # A user's own file had the model's among them once
    points = shipped + [one for one in own if not one.comes_with_model or one not in shipped]
    return [point for point in points if point.card_sha256 == card]


def _no_card(run: RunFolder) -> RunError:
    return RunError(
        f"{run.run_id} has no model card, so it has no operating point. Wait until it has "
        "finished; if it had, it was moved or deleted."
    )


OPENINGS_FILE: Final = "test_opened.jsonl"
_OCCASION: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One look at the test results of a run."""

    opened_at: str  # ISO 8601, UTC
    by: str  # the page or the command that showed them
    card_sha256: str  # "" for a run that scored a data set and has no card of its own


def note_opening(run: RunFolder, *, by: str, now: str) -> None:
    """Write down that the test results of `run` are being shown by `by`."""
    opening = Opening(opened_at=now, by=by, card_sha256=_card_sha256(run))
    try:
        append_record(run.file(OPENINGS_FILE), opening)
    except OSError as error:
        is_told = isinstance(error, DiskError)
        why = str(error) if is_told else f"{error.strerror}. Make its folder writable."
        raise RunError(
            f"That the test results of {run.run_id} were looked at cannot be written down, so the "
            f"count of looks is too low. {why}"
        ) from None


def openings_of(run: RunFolder) -> list[Opening]:
    """Every look at the test results of this very card, the first one first."""
    unread = f"How often the test results of {run.run_id} were looked at cannot be read:"
    try:
        found = read_records(run.file(OPENINGS_FILE), Opening)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(
            f"{unread} {error.strerror}. Make {OPENINGS_FILE} in its folder a file you may read."
        ) from None
    except RunError as error:
        raise RunError(f"{unread} {error}") from None
    card = _card_sha256(run)
    return [one for one in found if one.card_sha256 == card]


def occasions(openings: Iterable[Opening]) -> list[Opening]:
    """The first look of each occasion: looks within an hour of it belong to it, as a page that is
    loaded again decides nothing new.
    """
    firsts: list[Opening] = []
    for one in sorted(openings, key=_moment):
        if not firsts or _moment(one) - _moment(firsts[-1]) >= _OCCASION:
            firsts.append(one)
    return firsts


def before(openings: Iterable[Opening], moment: str) -> list[Opening]:
    """The looks that came before `moment` (ISO 8601)."""
    return [one for one in openings if _moment(one) < _in_utc(moment)]


def sharing_test_set(card: ModelCard, runs: Iterable[RunFolder]) -> list[RunFolder]:
    """The other checkpoints whose women were split alike: a look at theirs is a look at the set."""
    found = []
    for run in runs:
        if not run.is_checkpoint:
            continue
        try:
            other = run.card()
        except CheckpointError:
            continue  # unreadable checkpoints are told of where they are chosen
        is_same_set = other.data.fingerprint == card.data.fingerprint
        if is_same_set and other.weights_sha256 != card.weights_sha256:
            found.append(run)
    return found


def openings_of_test_set(run: RunFolder, runs: Iterable[RunFolder]) -> list[Opening]:
    """Every look at the test results of `run`, and of those among `runs` that share its test set,
    whose names a reader may not know. A log of theirs that cannot be read counts as a look before
    all others.
    """
    found = openings_of(run)
    if not run.is_checkpoint:
        return found
    for other in sharing_test_set(run.card(), runs):
        try:
            looks = openings_of(other)
        except RunError:
            found.append(Opening(opened_at="", by="a log that cannot be read", card_sha256=""))
            continue
        found += [
            replace(one, by=f"{one.by}; results of another model of that set") for one in looks
        ]
    return found


MARGINS_FILE: Final = "margins.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenMargin:
    """A margin (`metrics.margins`) as it was written down, beside the log of looks; `against` names
    the run it is held against.
    """

    claim: str
    figure: str
    margin: float
    against: str
    written_at: str  # ISO 8601, UTC
    card_sha256: str  # "" where the run had not finished, so nothing could be seen
    level: str = ""  # what a case is
    pooling: str = ""  # how a case's images become its score


def write_margin(run: RunFolder, margin: WrittenMargin) -> None:
    """Only ever appended: a margin that is thought better of stays readable."""
    append_record(run.file(MARGINS_FILE), margin)


def margins_of(
    run: RunFolder,
    roots: Sequence[Path],
    *,
    may_see: Callable[[RunFolder], bool] = lambda run: True,
) -> list[tuple[WrittenMargin, tuple[Opening, ...]]]:
    """Every margin of this very card, or written before there was one, the first one first, and the
    looks at test results that came before it: at those of `run`, of the model it is held against,
    and of all below `roots` that share a test set with one of them. None against a run that whoever
    asks is not to know of.
    """
    try:
        margins = read_records(run.file(MARGINS_FILE), WrittenMargin)
    except FileNotFoundError:
        return []
    except RunError as error:
        raise RunError(f"The margins of {run.run_id} cannot be read: {error}") from None
    card = card_hash(run) if has_points(run) else ""
    runs = list_runs(*roots)
    hidden = {other.run_id for other in runs if not may_see(other)}
    margins = [
        one for one in margins if one.card_sha256 in (card, "") and one.against not in hidden
    ]
    own = openings_of_test_set(run, runs)
    looks = {
        other.run_id: own + openings_of_test_set(other, runs)
        for other in runs
        if other.run_id in {one.against for one in margins}
    }
    return [(one, tuple(before(looks.get(one.against, own), one.written_at))) for one in margins]


def when_written(margin: WrittenMargin, looks_before: Iterable[Opening]) -> str:
    """When, and who had looked by then."""
    at = f"{_minute(margin.written_at)} (UTC)"
    seen = occasions(looks_before)
    if not seen:
        return f"{at}, before the test set was first opened"
    first = seen[0]
    opened = f" on {_minute(first.opened_at)}" if first.opened_at else ""
    told = f"{at}, AFTER the test set was first opened{opened} ({first.by})"
    others = list(dict.fromkeys(one.by for one in seen[1:] if one.by != first.by))
    if len(seen) > 1:
        told += f", in all on {len(seen)} occasions"
    return told + (f" (also {'; '.join(others)})" if others else "")


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _card_sha256(run: RunFolder) -> str:
    return sha256_of(run.card_file) if run.is_checkpoint else ""


def _moment(opening: Opening) -> datetime:
    return _in_utc(opening.opened_at)


def _in_utc(moment: str) -> datetime:
    """A moment that cannot be read comes before all others: a look too many is the safer count."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
