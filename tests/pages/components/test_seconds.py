"""How long a case took, of an ensemble whose members were not all asked now."""

from collections.abc import Mapping

import pytest

from pages.components.read.reading import CaseReading, summed_seconds


def taking(seconds: Mapping[str, float]) -> CaseReading:
    return CaseReading(readings={}, regions={}, drawn={}, seconds=dict(seconds))


READ, KEPT = taking({"loading": 0.5, "network": 0.25}), taking({})


@pytest.mark.parametrize("parts", [(READ, KEPT), (KEPT, READ)])
def test_a_member_whose_reading_was_kept_adds_no_time_wherever_it_stands(
    parts: tuple[CaseReading, ...],
) -> None:
    assert summed_seconds(parts) == {"loading": 0.5, "network": 0.25}


def test_the_times_of_members_that_were_asked_are_added_up() -> None:
    assert summed_seconds([READ, READ]) == {"loading": 1.0, "network": 0.5}
