"""How often the results of a test set were looked at: one line per look, beside the model card.

A test set measures chance less and less the more often its results decide something. The log is
only ever appended; each line names the card it belongs to by its hash.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mammo_core.errors import CheckpointError, RunError
from mammo_core.files import sha256_of
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.lines import append_record, read_records

FILE_NAME: Final = "test_opened.jsonl"
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
        append_record(run.file(FILE_NAME), opening)
    except OSError as error:
        raise RunError(
            f"That the test results of {run.run_id} were looked at cannot be written down "
            f"({error.strerror}). Make its folder writable, or the count of looks is too low."
        ) from None


def openings_of(run: RunFolder) -> list[Opening]:
    """Every look at the test results of this very card, the first one first."""
    unread = f"How often the test results of {run.run_id} were looked at cannot be read:"
    try:
        found = read_records(run.file(FILE_NAME), Opening)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(
            f"{unread} {error.strerror}. Make {FILE_NAME} in its folder a file you may read."
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
            other = read_card(run.file("model_card.json"))
        except CheckpointError:
            continue  # unreadable checkpoints are told of where they are chosen
        is_same_set = other.data.fingerprint == card.data.fingerprint
        if is_same_set and other.weights_sha256 != card.weights_sha256:
            found.append(run)
    return found


def _card_sha256(run: RunFolder) -> str:
    return sha256_of(run.file("model_card.json")) if run.is_checkpoint else ""


def _moment(opening: Opening) -> datetime:
    return _in_utc(opening.opened_at)


def _in_utc(moment: str) -> datetime:
    """A moment that cannot be read comes before all others: a look too many is the safer count."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
