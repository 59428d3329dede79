"""How often the results of a test set were looked at: one line per look, beside the model card.

A test set measures chance less and less the more often its results decide something. The log is
only ever appended; each line names the card it belongs to by its hash.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mammo_core.errors import CheckpointError, ConfigError, RunError
from mammo_core.files import sha256_of
from mammo_core.records import from_document, to_document
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.runs.folder import RunFolder

FILE_NAME: Final = "test_opened.jsonl"


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
        with run.file(FILE_NAME).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(to_document(opening)) + "\n")
    except OSError as error:
        raise RunError(
            f"That the test results of {run.run_id} were looked at cannot be written down "
            f"({error.strerror}). Make its folder writable, or the count of looks is too low."
        ) from None


def openings_of(run: RunFolder) -> list[Opening]:
    """Every look at the test results of this very card, the first one first."""
    try:
        text = run.file(FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(
            f"How often the test results of {run.run_id} were looked at cannot be read: "
            f"{error.strerror}."
        ) from None
    card = _card_sha256(run)
    whole_lines = text[: text.rfind("\n") + 1].splitlines()
    return [one for one in (_opening(line, run) for line in whole_lines) if one.card_sha256 == card]


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


def _opening(line: str, run: RunFolder) -> Opening:
    try:
        return from_document(json.loads(line), Opening, where=f"{run.run_id}/{FILE_NAME}")
    except (ValueError, ConfigError) as error:
        raise RunError(
            f"How often the test results of {run.run_id} were looked at cannot be read: {error}"
        ) from None
