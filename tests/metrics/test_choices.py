import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_core.errors import TableError
from mammo_core.metrics.threshold import (
    Aim,
    choose_threshold,
    operating_point,
    threshold_for_cost,
    threshold_for_f1,
    threshold_for_recall_rate,
    threshold_for_sensitivity,
    threshold_for_specificity,
    youden,
)
from tests.metrics.conftest import cases_of

TEN = cases_of(
    [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95],
    [0, 0, 0, 1, 0, 0, 1, 0, 1, 1],
)


def test_sensitivity_three_quarters_takes_three_of_four_cancers() -> None:
    assert threshold_for_sensitivity(TEN, 0.75).threshold == 0.65
    assert threshold_for_sensitivity(TEN, 0.751).threshold == 0.35


def test_nine_tenths_of_ten_cancers_are_nine() -> None:
    cancers = cases_of(np.arange(1, 11) / 10, [True] * 10)
    assert threshold_for_sensitivity(cancers, 0.9).true_positives == 9


def test_specificity_two_thirds_leaves_four_of_six_alone() -> None:
    point = threshold_for_specificity(TEN, 2 / 3)
    assert point.true_negatives == 4
    assert point.threshold == 0.55


def test_a_recall_rate_is_never_exceeded() -> None:
    assert threshold_for_recall_rate(TEN, 0.35).called == 3
    assert threshold_for_recall_rate(TEN, 0.0).called == 0


def test_youden_gives_both_classes_one_vote() -> None:
    assert youden(TEN).threshold == 0.65  # 3/4 found, 5/6 left alone


def test_without_cancers_sensitivity_is_refused_in_words() -> None:
    with pytest.raises(TableError, match="no case with cancer among these cases"):
        threshold_for_sensitivity(cases_of([0.1, 0.2], [0, 0]), 0.9)
    with pytest.raises(TableError, match="no case without cancer"):
        threshold_for_specificity(cases_of([0.1, 0.2], [1, 1]), 0.9)


def test_f1_is_best_where_three_of_four_cancers_cost_one_false_alarm() -> None:
    assert threshold_for_f1(TEN).threshold == 0.65  # 6/8, against 4/6 above and 8/11 below


def test_the_dearer_a_missed_cancer_the_lower_the_threshold() -> None:
    assert threshold_for_cost(TEN, 0.5).threshold == 0.85
    assert threshold_for_cost(TEN, 1.5).threshold == 0.65
    assert threshold_for_cost(TEN, 10).threshold == 0.35
    with pytest.raises(TableError, match="above 0"):
        threshold_for_cost(TEN, 0)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_every_choice_keeps_its_promise(target: float, fixed: float) -> None:
    assert choose_threshold(TEN, Aim.SENSITIVITY, target).sensitivity >= target - 1e-9
    assert choose_threshold(TEN, Aim.SPECIFICITY, target).specificity >= target - 1e-9
    most = max(target, 0.1)  # of ten cases: below it nobody may be called, which is no threshold
    assert choose_threshold(TEN, Aim.RECALL_RATE, most).recall_rate <= most + 1e-9
    assert choose_threshold(TEN, Aim.FIXED, fixed) == operating_point(TEN, fixed)


@pytest.mark.parametrize("aim", list(Aim))
def test_every_aim_gives_a_point_of_these_cases(aim: Aim) -> None:
    point = choose_threshold(TEN, aim, 0.5)
    assert point == operating_point(TEN, point.threshold)


#: 150 cases without cancer, 29 of whom a classifier of 0 and 1 calls; 40 of 50 cancers.
HARD = cases_of([1] * 29 + [0] * 121 + [1] * 40 + [0] * 10, [False] * 150 + [True] * 50)


def test_an_aim_that_hard_scores_cannot_meet_says_so_in_numbers() -> None:
    with pytest.raises(TableError, match=r"only where nobody is called.*80.7% \(121 of 150\)"):
        choose_threshold(HARD, Aim.SPECIFICITY, 0.95)
    with pytest.raises(TableError, match=r"recall rate at most 0.1 is met .*recall rate 34.5%"):
        choose_threshold(HARD, Aim.RECALL_RATE, 0.1)


def test_an_aim_that_hard_scores_meet_is_kept() -> None:
    assert choose_threshold(HARD, Aim.SPECIFICITY, 0.8).threshold == 1.0
    assert choose_threshold(HARD, Aim.SENSITIVITY, 0.8).threshold == 1.0
