"""The interval of the expected calibration error: 0 where scores are right, above it where not."""

import numpy as np
import pytest
from scipy.special import expit

from mammo_core.metrics.calibration import calibration_of, expected_error_interval
from mammo_core.metrics.cases import Cases
from tests.metrics.conftest import cases_of


def women(count: int, *, too_high: float) -> Cases:
    """Two cases each, with cancer as often as a right score would say."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=(count, 1)) + 0.5 * rng.normal(size=(count, 2)) - 1.0
    positive = rng.random((count, 2)) < expit(log_odds)
    score = expit(log_odds + too_high)
    return cases_of(score.ravel(), positive.ravel(), groups=np.repeat(np.arange(count), 2))


def test_right_scores_may_have_no_error_at_all() -> None:
    cases = women(200, too_high=0.0)
    interval = expected_error_interval(cases)
    assert interval is not None
    assert interval[0] == 0.0
    assert interval[1] > 0.99 * calibration_of(cases).expected_error > 0.0


def test_scores_that_are_too_high_have_an_error_for_sure() -> None:
    cases = women(200, too_high=1.5)
    interval = expected_error_interval(cases)
    assert interval is not None
    assert 0.1 < interval[0] < calibration_of(cases).expected_error < interval[1] < 0.5


def test_few_women_have_no_interval() -> None:
    assert expected_error_interval(women(20, too_high=0.0)) is None


def test_the_draws_are_repeatable_and_more_women_tell_more() -> None:
    few, many = women(150, too_high=1.0), women(600, too_high=1.0)
    assert expected_error_interval(few) == expected_error_interval(few)
    width = {}
    for cases in (few, many):
        interval = expected_error_interval(cases)
        assert interval is not None
        width[len(cases)] = interval[1] - interval[0]
    assert width[1200] < width[300] / 1.6


def test_the_error_is_a_mean_of_gaps() -> None:
    """Ten bins of ten cases at .5 to .59, all of them with cancer in half: gaps 0 to .09."""
    score = np.repeat(0.5 + 0.01 * np.arange(10), 10)
    cases = cases_of(score, np.tile([True, False], 50))
    assert calibration_of(cases).expected_error == pytest.approx(0.045)


def test_few_cancers_have_no_interval_however_many_others_there_are() -> None:
    rng = np.random.default_rng(0)
    for ill, is_told in ((49, False), (50, True)):
        cases = cases_of(rng.random(500), np.arange(500) < ill)
        assert (expected_error_interval(cases) is not None) is is_told
