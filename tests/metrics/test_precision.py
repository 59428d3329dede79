import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.curves import (
    average_precision,
    average_precision_with_interval,
    resampled_precisions,
)
from mammo_core.metrics.uncertainty import resampled_weights, strata_of
from tests.metrics.conftest import cases_of


def breasts(women: int = 60, *, seed: int = 0) -> Cases:
    """Two breasts per woman, every third woman with a cancer in one of them."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(women), 2)
    positive = (groups % 3 == 0) & (np.arange(2 * women) % 2 == 0)
    score = np.round(np.clip(0.4 + 0.2 * positive + 0.15 * rng.normal(size=2 * women), 0, 1), 2)
    return cases_of(score, positive, groups=groups)


def test_a_resampled_precision_is_that_of_the_drawn_breasts() -> None:
    cases = breasts(12)
    found = resampled_precisions(cases, resamples=20, seed=3)
    weights = np.concatenate(
        list(resampled_weights(strata_of(cases.positive, cases.groups), resamples=20, seed=3))
    )
    for value, drawn in zip(found, weights[:, cases.groups], strict=True):
        rows = np.repeat(np.arange(len(cases)), drawn)
        expected = average_precision_score(cases.positive[rows], cases.score[rows])
        assert value == pytest.approx(expected, abs=1e-12)


def test_the_interval_is_around_the_value_and_decided_by_the_seed() -> None:
    cases = breasts()
    one, same, other = (
        average_precision_with_interval(cases, resamples=200, seed=seed) for seed in (0, 0, 1)
    )
    assert one is not None
    assert one == same != other
    assert one.value == average_precision(cases)
    assert 0.0 < one.low < one.value < one.high < 1.0
    assert (one.positives, one.negatives, one.groups) == (20, 100, 60)


def test_four_times_the_women_have_half_the_interval() -> None:
    few, many = (
        average_precision_with_interval(breasts(women), resamples=500) for women in (150, 600)
    )
    assert few is not None
    assert many is not None
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(0.5, abs=0.1)


def test_few_women_perfect_scores_and_equal_scores_have_no_interval() -> None:
    cases = breasts()
    assert average_precision_with_interval(breasts(29)) is None
    assert average_precision_with_interval(cases_of(cases.positive, cases.positive)) is None
    same_for_all = cases_of(np.full(120, 0.5), cases.positive, groups=cases.groups)
    assert average_precision_with_interval(same_for_all) is None
