"""Which copies matter: those that no group holds together, and those that contradict."""

import pandas as pd

from mammo_core.datasets.audit import copies
from mammo_core.datasets.audit.result import Severity
from tests.datasets.audit.made import evidence_of, facts_of, pair, rows, the_one

PATHS = [f"images/{n}.png" for n in range(6)]


def test_copies_under_two_women_are_fewer_originals() -> None:
    facts = facts_of(PATHS, content=["x", "x", "c", "d", "e", "f"])
    finding = the_one(copies.check_copies(evidence_of(rows(6), facts=facts, pairs=pair(0, 1))))
    assert finding.severity is Severity.SERIOUS
    assert finding.sentence.startswith(
        "6 files show 5 different images: 1 files repeat another (1 byte by byte, 0 turned"
    )
    assert finding.rows == ("i0", "i1")


def test_copies_of_one_group_stay_together_and_are_no_finding() -> None:
    table = rows(6, patient_id=["A", "A", "B", "C", "D", "E"], label="cancer")
    evidence = evidence_of(table, pairs=pair(0, 1))
    assert copies.check_copies(evidence) == []
    assert copies.check_copies_across_women(evidence) == []


def test_copies_across_splits_labels_women_and_breasts_are_told_each() -> None:
    table = rows(6, split=["train", "test"] * 3, side=["L", "R"] * 3, view="CC")
    evidence = evidence_of(table, pairs=pair(2, 3))
    for check in (
        copies.check_copies_across_splits,
        copies.check_copies_across_labels,
        copies.check_copies_across_women,
        copies.check_copies_across_breasts,
    ):
        finding = the_one(check(evidence))
        assert finding.rows == ("i2 = i3",)
        assert finding.pictures == ("images/2.png", "images/3.png")
        assert finding.severity is Severity.SERIOUS


def test_what_is_not_told_of_a_copy_contradicts_nothing() -> None:
    table = rows(6, split=["train", pd.NA] * 3, label=pd.NA, patient_id=pd.NA)
    evidence = evidence_of(table, pairs=pair(2, 3))
    assert copies.check_copies_across_splits(evidence) == []
    assert copies.check_copies_across_labels(evidence) == []
    assert copies.check_copies_across_women(evidence) == []


def test_one_exposure_twice_in_one_woman_is_a_note() -> None:
    table = rows(6, patient_id="A", side="L", view="CC", label="cancer")
    finding = the_one(copies.check_same_exposure(evidence_of(table, pairs=pair(4, 5))))
    assert finding.severity is Severity.NOTE


def test_unreadable_files_do_not_shift_the_copies() -> None:
    facts = facts_of(PATHS, error=["broken", *[pd.NA] * 5])
    evidence = evidence_of(rows(6), facts=facts, pairs=pair(0, 1))  # places among the readable
    assert the_one(copies.check_copies(evidence)).rows == ("i1", "i2")
