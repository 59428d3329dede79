"""Seeds of one recipe, and when two recipes differ by more than luck."""

import math

import pytest
from scipy.stats import ttest_ind

from mammo_core.metrics.compare import SeedSpread, luck_in_words, seed_difference

STEADY = SeedSpread(values=(0.90, 0.91, 0.92))
LUCKY = SeedSpread(values=(0.70, 0.80, 0.90))
ONE = SeedSpread(values=(0.85,))


def test_mean_and_deviation_are_those_of_the_seeds() -> None:
    assert STEADY.mean == pytest.approx(0.91)
    assert STEADY.deviation == pytest.approx(0.01)
    assert STEADY.in_words == "0.910 (SD 0.010) of 3 seeds"


def test_one_seed_has_no_spread_and_says_so() -> None:
    assert math.isnan(ONE.deviation)
    assert ONE.in_words == "luck of training not measured"
    assert seed_difference(STEADY, ONE) is None
    assert luck_in_words(("a", "b"), STEADY, ONE) == (
        "Luck of training not measured: one seed of b."
    )


def test_the_interval_between_recipes_is_welchs() -> None:
    found = seed_difference(STEADY, LUCKY)
    expected = ttest_ind(STEADY.values, LUCKY.values, equal_var=False).confidence_interval()
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(0.11)


def test_a_difference_within_the_luck_is_said_to_be_so() -> None:
    assert "luck of training can explain it" in luck_in_words(("a", "b"), STEADY, LUCKY)
    worse = SeedSpread(values=(0.60, 0.61, 0.62))
    assert "more than the luck of training explains" in luck_in_words(("a", "b"), STEADY, worse)


def test_seeds_that_all_agree_leave_no_room_for_luck() -> None:
    same = SeedSpread(values=(0.8, 0.8))
    found = seed_difference(same, SeedSpread(values=(0.7, 0.7)))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
