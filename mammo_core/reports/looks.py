"""Who looked at a test set, and when the threshold was locked: which of the two came first.

A threshold that was locked after somebody had seen test results may owe something to them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mammo_core.errors import RunError
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.runs.openings import Opening, before, occasions, openings_of, sharing_test_set
from mammo_core.runs.operating_points import LockedPoint, locked_points
from mammo_core.types import Split
from mammo_core.words import many

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What is written down of looks and locks. `why_no_...` says why a log cannot be read."""

    at_results: tuple[Opening, ...] = ()  # at the predictions that are reported
    at_test_set: tuple[Opening, ...] = ()  # of the training: the same, but for an evaluation
    shared: tuple[tuple[str, tuple[Opening, ...]], ...] = ()  # other models of that test set
    locks: tuple[LockedPoint, ...] = ()  # the last one is in force
    why_no_locks: str = ""
    why_no_openings: str = ""

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(text for text in (self.why_no_locks, self.why_no_openings) if text)


def read_looks(
    run: RunFolder, owner: RunFolder | None, card: ModelCard | None, roots: Sequence[Path]
) -> Looks:
    """Of `run`, whose model is `owner`. A damaged log is told of, and costs nothing else."""
    at_results, why_no_openings = _read(openings_of, run)
    if owner is None or card is None:
        return Looks(at_results=at_results, why_no_openings=why_no_openings)
    at_test_set, why_not_owner = (at_results, "") if owner == run else _read(openings_of, owner)
    locks, why_no_locks = _read(locked_points, owner)
    shared, why_not_shared = [], ""
    for other in sharing_test_set(card, list_runs(*roots)):
        found, why = _read(openings_of, other)
        shared.append((other.run_id, found))
        why_not_shared = why_not_shared or why
    return Looks(
        at_results=at_results,
        at_test_set=at_test_set,
        shared=tuple(shared),
        locks=locks,
        why_no_locks=why_no_locks,
        why_no_openings=why_no_openings or why_not_owner or why_not_shared,
    )


def lock_in_words(looks: Looks, *, is_external: bool) -> str:
    """When the threshold in force was locked, and how often what is reported was seen by then."""
    lock = looks.locks[-1]
    when = lock.locked_at[:16].replace("T", " ")
    return (
        f"Locked {when} (UTC) on {lock.split or 'no named split'}, lock number {len(looks.locks)}; "
        f"{_opened_before(looks, lock, is_external=is_external)}."
    )


def test_women_in_words(looks: Looks) -> str:
    """What the test women of the training may have decided, as far as looks are written down."""
    if looks.unread:
        return "Whether test women decided anything is not known: a log cannot be read (see above)."
    if not looks.locks:
        count = len(occasions(looks.at_test_set))
        return (
            "No threshold is locked yet; the test results were opened on "
            f"{many(count, 'occasion', 'occasions')} so far."
        )
    lock = looks.locks[-1]
    if lock.split == Split.TEST:
        return "The threshold in force was chosen on test women: their results flatter it."
    count = _count_before(looks, lock, is_external=False)
    if not count:
        return (
            "Test women chose nothing: no look at their results is written down before the "
            "threshold was locked."
        )
    return (
        f"Test results had been opened on {many(count, 'occasion', 'occasions')} before the "
        "threshold was locked; whether they had a part in it is not known."
    )


def _opened_before(looks: Looks, lock: LockedPoint, *, is_external: bool) -> str:
    if looks.why_no_openings:
        return "how often the test set had been opened before is not known"
    count = _count_before(looks, lock, is_external=is_external)
    if not count:
        return "no look at the test set is written down before"
    others = "" if is_external or not looks.shared else ", other models of the same women included"
    return f"the test set had been opened on {many(count, 'occasion', 'occasions')} before{others}"


def _count_before(looks: Looks, lock: LockedPoint, *, is_external: bool) -> int:
    own = looks.at_results if is_external else looks.at_test_set
    logs = (own,) if is_external else (own, *(openings for _, openings in looks.shared))
    return sum(len(occasions(before(log, lock.locked_at))) for log in logs)


def _read(read: Callable[[RunFolder], list[T]], run: RunFolder) -> tuple[tuple[T, ...], str]:
    try:
        return tuple(read(run)), ""
    except RunError as error:
        return (), str(error)
