import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.curves import (
    average_precision,
    average_precision_with_interval,
    precision_error,
    why_no_precision,
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


@pytest.mark.parametrize("women", [150, 300])
def test_the_error_is_that_of_women_drawn_again(women: int) -> None:
    cases = breasts(women)
    strata = strata_of(cases.positive, cases.groups)
    weights = np.concatenate(list(resampled_weights(strata, resamples=300, seed=3)))
    drawn = [
        average_precision_score(cases.positive, cases.score, sample_weight=row[cases.groups])
        for row in weights
    ]
    assert precision_error(cases) == pytest.approx(np.std(drawn), rel=0.15)


def test_the_interval_is_around_the_value() -> None:
    cases = breasts(150)
    found = average_precision_with_interval(cases)
    assert found is not None
    assert found.value == average_precision(cases)
    assert found.value == pytest.approx(average_precision_score(cases.positive, cases.score))
    assert 0.0 < found.low < found.value < found.high < 1.0
    assert (found.positives, found.negatives, found.groups) == (50, 250, 150)


def test_four_times_the_women_have_half_the_interval() -> None:
    few, many = (average_precision_with_interval(breasts(women)) for women in (150, 600))
    assert few is not None
    assert many is not None
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_the_precision_of_a_million_cases_takes_seconds() -> None:
    """Women drawn again took minutes; one sort takes a second of one core."""
    rng = np.random.default_rng(0)
    positive = rng.random(1_000_000) < 0.01
    cases = cases_of(rng.normal(size=len(positive)) + 2.0 * positive, positive)
    start = time.process_time()
    assert average_precision_with_interval(cases) is not None
    assert time.process_time() - start < 10.0


def test_the_precision_of_a_handful_of_cancers_is_not_told() -> None:
    rng = np.random.default_rng(0)
    samples = [
        cases_of(rng.normal(size=150) + 2.0 * (np.arange(150) < ill), np.arange(150) < ill)
        for ill in (3, 49, 50)
    ]
    assert [average_precision_with_interval(one) is None for one in samples] == [True, True, False]
    assert "there are 3 women with cancer, and under 50 its interval" in why_no_precision(
        samples[0]
    )
    assert why_no_precision(samples[2]) == ""


def test_few_women_perfect_scores_and_equal_scores_have_no_interval() -> None:
    cases = breasts()
    assert average_precision_with_interval(breasts(147)) is None
    assert average_precision_with_interval(cases_of(cases.positive, cases.positive)) is None
    same_for_all = cases_of(np.full(120, 0.5), cases.positive, groups=cases.groups)
    assert average_precision_with_interval(same_for_all) is None
