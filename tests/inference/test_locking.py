import numpy as np
import pytest

from mammo_core.inference.verdict import as_given, point_to_lock
from mammo_core.metrics.cases import Cases
from mammo_core.runs.operating_points import AS_GIVEN, LockedPoint
from mammo_core.scores import Recalibration
from mammo_core.types import Level
from tests.metrics.conftest import cases_of

TEN = cases_of(np.arange(10) / 10, [0, 0, 1, 0, 0, 1, 0, 1, 1, 1])


def locked(threshold: float, recalibration: Recalibration | None = None) -> LockedPoint:
    return point_to_lock(
        TEN,
        threshold,
        split="val",
        aim="fixed",
        locked_at="2026-01-01T00:00:00+00:00",
        card_sha256="0" * 64,
        recalibration=recalibration,
    )


def called(cases: Cases, point: LockedPoint) -> int:
    return int(np.sum(cases.score >= point.threshold))


def test_a_point_on_scores_as_given_promises_what_is_counted() -> None:
    point = locked(0.5)
    assert (point.threshold, point.calibration, point.score_map) == (0.5, AS_GIVEN, None)
    assert (point.promise.found, point.promise.positives) == (4, 5)
    assert (point.promise.left_alone, point.promise.negatives) == (4, 5)
    assert (point.level, point.pooling) == (Level.IMAGE, "max")


@pytest.mark.parametrize("kind", list(Recalibration))
def test_a_recalibrated_point_keeps_its_map_and_calls_the_same_cases(kind: Recalibration) -> None:
    point = locked(0.5, kind)
    assert point.calibration == kind
    assert point.score_map is not None
    given = as_given(point)
    assert given is not None
    assert given.threshold <= 0.5
    promise = point.promise
    assert called(TEN, given) == promise.found + promise.negatives - promise.left_alone


def test_scores_that_a_map_makes_equal_are_called_together() -> None:
    """Isotonic: 0.2 to 0.4 hold one cancer in three, so 0.3 calls 0.2 as well."""
    assert (locked(0.3).promise.found, locked(0.3, Recalibration.ISOTONIC).promise.found) == (4, 5)
