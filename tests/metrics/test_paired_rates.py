import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mammo_core.metrics.compare import mcnemar, rate_difference
from mammo_core.metrics.uncertainty import wilson_interval


def square(both: int, only_one: int, only_other: int, neither: int) -> tuple[np.ndarray, ...]:
    counts = [both, only_one, only_other, neither]
    one = np.repeat([True, True, False, False], counts)
    other = np.repeat([True, False, True, False], counts)
    return one, other, np.arange(sum(counts))


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_a_fair_coin_for_the_cases_that_differ(one: int, other: int) -> None:
    reference = binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(reference)


def test_ten_cancers_that_only_one_model_finds_are_clear() -> None:
    difference = rate_difference(*square(30, 10, 0, 10))
    assert difference.value == pytest.approx(0.2)
    assert (difference.only_one, difference.only_other) == (10, 0)
    assert difference.is_clear
    assert difference.p_value == pytest.approx(2 / 2**10)


def test_as_many_found_by_one_as_by_the_other_are_no_difference() -> None:
    difference = rate_difference(*square(30, 5, 5, 10))
    assert difference.value == 0.0
    assert difference.low == pytest.approx(-difference.high)
    assert not difference.is_clear
    assert difference.p_value == 1.0


def test_models_that_find_unrelated_cancers_are_as_if_unpaired() -> None:
    one, other, women = square(25, 25, 25, 25)
    difference = rate_difference(one, other, women)
    low, high = wilson_interval(0.5, 100)
    assert difference.high == pytest.approx(np.hypot(high - 0.5, 0.5 - low))


def test_agreeing_models_are_told_apart_by_less() -> None:
    alike = rate_difference(*square(48, 4, 0, 48))
    unlike = rate_difference(*square(26, 26, 22, 26))
    assert alike.value == unlike.value == pytest.approx(0.04)
    assert alike.high - alike.low < 0.5 * (unlike.high - unlike.low)


def test_two_images_of_each_woman_that_agree_prove_no_more_than_one() -> None:
    one, other, women = square(30, 10, 3, 10)
    once = rate_difference(one, other, women)
    twice = rate_difference(*(np.repeat(part, 2) for part in (one, other, women)))
    assert twice.p_value == pytest.approx(once.p_value, abs=0.05)
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.02)
    assert twice.groups == once.groups == 53
