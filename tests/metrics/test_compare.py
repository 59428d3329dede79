from dataclasses import replace

import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.compare import share_cases
from mammo_core.types import Level
from tests.metrics.conftest import cases_of

FOUR = cases_of([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1])


def test_models_over_the_same_cases_are_compared_on_all_of_them() -> None:
    shared = share_cases([FOUR, FOUR])
    assert shared.is_complete
    assert len(shared.cases[0]) == 4


def test_only_cases_that_all_have_are_kept_in_one_order() -> None:
    three = replace(
        FOUR,
        case_ids=("c3", "c1", "c9"),
        score=FOUR.score[[0, 1, 2]],
        positive=FOUR.positive[[3, 1, 0]],
        groups=FOUR.groups[[0, 1, 2]],
        images=FOUR.images[:3],
    )
    shared = share_cases([FOUR, three])
    assert [cases.case_ids for cases in shared.cases] == [("c1", "c3"), ("c1", "c3")]
    assert [cases.score.tolist() for cases in shared.cases] == [[0.2, 0.4], [0.2, 0.1]]
    assert shared.left_out == (2, 1)
    assert not shared.is_complete


def test_cases_whose_truth_differs_between_the_tables_are_left_out() -> None:
    other = cases_of([0.1, 0.2, 0.3, 0.4], [1, 0, 1, 1])
    shared = share_cases([FOUR, other])
    assert shared.cases[0].case_ids == ("c1", "c2", "c3")
    assert shared.disagreeing == 1
    assert not shared.is_complete


def test_models_that_disagree_on_every_truth_are_refused() -> None:
    with pytest.raises(TableError, match="truth of no case"):
        share_cases([FOUR, cases_of([0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0])])


def test_two_data_sets_or_two_levels_are_refused() -> None:
    with pytest.raises(TableError, match="different cases"):
        share_cases([FOUR, replace(FOUR, dataset="another")])
    with pytest.raises(TableError, match="image, patient"):
        share_cases([FOUR, replace(FOUR, level=Level.PATIENT)])


def test_models_without_a_common_case_are_refused() -> None:
    with pytest.raises(TableError, match="no case in common"):
        share_cases([FOUR, replace(FOUR, case_ids=("a", "b", "c", "d"))])
