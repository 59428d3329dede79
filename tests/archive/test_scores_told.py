"""Scores of a work list, as they are told: many models call from far below 0.01 on."""

from mammo_core.archive.receiver import _said
from mammo_core.archive.worklists import WorkEntry
from pages.components.read.archive import _line


def test_a_score_far_below_a_hundredth_is_not_told_as_none_at_all() -> None:
    entry = WorkEntry(number=1, images=4, score=0.0042, side="above")
    assert _said(entry) == "Case 1: 4 images, score 0.0042."
    assert _line(entry)["Score"] == "0.0042"
    assert _line(WorkEntry(number=1))["Score"] is None
