"""The intervals hold the truth 19 times in 20, on made-up women whose images are alike."""

from collections.abc import Iterable

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.coverage import women
from mammo_core.metrics.uncertainty import auc_of, auc_with_interval, rate_with_interval

TRIALS = 1500  # of which 95 % is known to within 1.7 % (three standard deviations)
pytestmark = pytest.mark.slow  # test_uncertainty.py holds each interval against numbers in print


def held(intervals: Iterable[tuple[float, float]], truth: float) -> float:
    return float(np.mean([low <= truth <= high for low, high in intervals]))


@pytest.mark.parametrize(("count", "with_cancer"), [(40, 12), (100, 30), (400, 40)])
def test_the_interval_of_the_auc_holds_it(count: int, with_cancer: int) -> None:
    rng = np.random.default_rng(count)
    trials = [women(rng, count, with_cancer, skill=1.0) for _ in range(TRIALS)]
    truth = float(np.mean([auc_of(trial.score, trial.positive) for trial in trials]))
    estimates = [auc_with_interval(trial) for trial in trials]
    assert 0.93 <= held(((one.low, one.high) for one in estimates), truth) <= 0.985


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("count", [40, 200])
def test_the_interval_of_a_rate_holds_it(count: int, share: float) -> None:
    rng = np.random.default_rng(count)
    rates = []
    for _ in range(TRIALS):
        groups = np.repeat(np.arange(count), rng.integers(1, 5, count))
        noise = rng.normal(size=count)[groups] + rng.normal(size=len(groups))
        rates.append(rate_with_interval(noise / np.sqrt(2) < norm.ppf(share), groups))
    assert 0.93 <= held(((one.low, one.high) for one in rates), share) <= 0.985
