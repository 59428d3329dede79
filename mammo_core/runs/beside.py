"""What is learnt of a checkpoint later: records beside its card, each naming the card."""

import json
from typing import Any, Protocol, TypeVar

from mammo_core.damage import damage_in_words
from mammo_core.errors import CheckpointError, ConfigError, RunError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import card_hash


class OfCard(Protocol):
    """A record that names the card it was measured for."""

    @property
    def card_sha256(self) -> str: ...


T = TypeVar("T", bound=OfCard)


def add_beside(run: RunFolder, name: str, record: OfCard) -> None:
    """Put `record` behind those in the file `name` of `run`; nothing there is changed."""
    documents = [*_documents(run, name), to_document(record)]
    replace_file(run.file(name), json.dumps(documents, indent=2) + "\n")


def of_this_card(run: RunFolder, name: str, kind: type[T]) -> list[T]:
    """The records of the card as it is, in the order they were added."""
    if not run.is_checkpoint:
        return []
    card = card_hash(run)
    try:
        records = [from_document(one, kind, where=name) for one in _documents(run, name)]
    except ConfigError as error:
        raise CheckpointError(f"{name} of {run.run_id} cannot be used: {error}") from None
    return [record for record in records if record.card_sha256 == card]


def keep_one(run: RunFolder, name: str, record: OfCard) -> None:
    """Let `record` be what the file `name` of `run` holds; one kept earlier is replaced."""
    replace_file(run.file(name), json.dumps(to_document(record), indent=2) + "\n")


def read_one(run: RunFolder, name: str, kind: type[T], *, what: str) -> T | None:
    """The record in the file `name`, called `what`; None where none is kept for this card."""
    try:
        document = json.loads(run.file(name).read_text(encoding="utf-8"))
        record = from_document(document, kind, where=name)
    except FileNotFoundError:
        return None
    except (ValueError, ConfigError) as error:
        raise RunError(
            f"The {what} of {run.run_id} cannot be read: {damage_in_words(error)}. Delete {name} "
            "in its folder; the model itself is whole."
        ) from None
    return record if record.card_sha256 == card_hash(run) else None


def _documents(run: RunFolder, name: str) -> list[Any]:
    try:
        documents = json.loads(run.file(name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{name} of {run.run_id} is not valid JSON: {damage_in_words(error)}. Put it back from "
            "a copy, or delete it and measure again."
        ) from None
    if not isinstance(documents, list):
        raise CheckpointError(f"{name} of {run.run_id} must be a list.")
    return documents
