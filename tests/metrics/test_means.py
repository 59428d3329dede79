"""Means by woman, with numbers one can check in the head."""

import math

import numpy as np
import pytest

from mammo_core.metrics.uncertainty import mean_with_interval


def test_one_case_a_woman_is_students_t() -> None:
    found = mean_with_interval(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 2]))
    half = 4.3027 * 1.0 / math.sqrt(3)  # t of 2 degrees, standard deviation 1
    assert found.value == 2.0
    assert (found.low, found.high) == pytest.approx((2.0 - half, 2.0 + half), abs=1e-3)


def test_cases_of_one_woman_that_are_all_alike_tell_no_more_than_one() -> None:
    once = mean_with_interval(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 2]))
    thrice = mean_with_interval(np.repeat([1.0, 2.0, 3.0], 3), np.repeat([0, 1, 2], 3))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    assert (thrice.cases, thrice.groups) == (9, 3)


def test_one_woman_gives_a_mean_without_an_interval_and_none_gives_nothing() -> None:
    one = mean_with_interval(np.array([1.0, 3.0]), np.array([0, 0]))
    assert one.value == 2.0
    assert math.isnan(one.low)
    assert math.isnan(mean_with_interval(np.array([]), np.array([], dtype=np.intp)).value)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 2)
    held = 0
    for _ in range(400):
        values = np.repeat(rng.normal(0.5, 1.0, 20), 2) + rng.normal(0.0, 0.3, 40)
        found = mean_with_interval(values, groups)
        held += found.low <= 0.5 <= found.high
    assert 370 <= held <= 395  # 380 expected
