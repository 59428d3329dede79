"""Held against R: what `Rscript tests/metrics/against.R` printed with pROC 1.18.0, rms 6.5-0 and
survey 4.1-1. Two images each of 120 women, made by arithmetic; no R is needed here.
"""

import math

import numpy as np
import pytest

from mammo_core.metrics.calibration import calibration_of
from mammo_core.metrics.compare import auc_difference
from mammo_core.metrics.partial import (
    SpecificityRange,
    partial_auc,
    partial_auc_with_interval,
)
from mammo_core.metrics.rates import more_rates
from mammo_core.metrics.uncertainty import (
    auc_covariance,
    auc_parts,
    auc_with_interval,
    effective_cases,
    mean_with_interval,
    rate_with_interval,
    t_quantile,
    wilson_interval,
)
from tests.metrics.conftest import cases_of

IMAGE = np.arange(240)
WOMAN = IMAGE // 2
POSITIVE = WOMAN % 3 == 0
ONE = ((IMAGE * 37) % 101 + 1 + 30 * POSITIVE + 20 * (WOMAN % 5 == 0)) / 170
TWO = ((IMAGE * 53) % 101 + 1 + 20 * POSITIVE + 20 * (WOMAN % 4 == 0)) / 170
FIRST = IMAGE % 2 == 0
ALONE = cases_of(ONE[FIRST], POSITIVE[FIRST])
OTHER = cases_of(TWO[FIRST], POSITIVE[FIRST])
CLUSTERED = cases_of(ONE, POSITIVE, groups=WOMAN)
CALLED = TWO + 0.3 * (WOMAN % 7 < 2) >= 0.6


def test_the_auc_and_its_variance_are_those_of_proc() -> None:
    parts = auc_parts(ALONE.score, ALONE.positive, ALONE.groups)
    assert parts.value == pytest.approx(0.76109375, abs=1e-9)
    assert auc_covariance(parts, parts) == pytest.approx(0.00208908622467, abs=1e-12)


def test_the_paired_difference_is_that_of_proc() -> None:
    one, other = (auc_parts(m.score, m.positive, m.groups) for m in (ALONE, OTHER))
    own = auc_covariance(one, one) + auc_covariance(other, other)
    error = math.sqrt(own - 2 * auc_covariance(one, other))
    assert auc_difference(ALONE, OTHER).value == pytest.approx(0.1146875, abs=1e-9)
    assert (one.value - other.value) / error == pytest.approx(1.70408018984, abs=1e-8)


def test_a_partial_area_and_its_spread_are_those_of_proc() -> None:
    over = SpecificityRange(low=0.6, high=1.0)
    found = partial_auc_with_interval(ALONE, over)
    assert found is not None
    assert partial_auc(ALONE, over) == pytest.approx(0.508984375, abs=1e-9)
    odds = [math.log(end / (1 - end)) for end in (found.low, found.high)]
    error = (odds[1] - odds[0]) / 2 / t_quantile(ALONE) * found.value * (1 - found.value)
    assert error == pytest.approx(0.0764866707576, rel=0.06)  # both are drawn


def test_calibration_by_woman_is_that_of_rms() -> None:
    """lrm and robcov; their sandwich lacks the correction for so many women."""
    found = calibration_of(CLUSTERED)
    assert found.slope == pytest.approx(1.35292358569, abs=2e-5)
    assert found.intercept == pytest.approx(-0.255407541145, abs=2e-5)
    assert found.slope_interval is not None
    half = (found.slope_interval[1] - found.slope_interval[0]) / 2
    assert half / t_quantile(CLUSTERED) == pytest.approx(
        0.151255308982 * math.sqrt(120 / 119), abs=2e-5
    )


def test_a_rate_by_woman_rests_on_the_variance_of_survey() -> None:
    effective = effective_cases(CALLED, WOMAN)
    assert CALLED.mean() * (1 - CALLED.mean()) / effective == pytest.approx(
        0.0283756275201**2, rel=1e-9
    )
    rate = rate_with_interval(CALLED, WOMAN)
    assert (rate.low, rate.high) == wilson_interval(CALLED.mean(), effective)


def test_a_mean_by_woman_is_that_of_survey() -> None:
    found = mean_with_interval(CALLED.astype(float), WOMAN)
    assert (found.low, found.high) == pytest.approx((0.197980090120, 0.310353243214), abs=1e-9)


def test_a_ratio_by_woman_is_that_of_survey() -> None:
    (found,) = [one for one in more_rates(CLUSTERED, 0.5) if one.name == "Probabilistic F1"]
    assert found.low is not None
    assert found.high is not None
    odds = [math.log(end / (1 - end)) for end in (found.low, found.high)]
    error = (odds[1] - odds[0]) / 2 / t_quantile(CLUSTERED) * found.value * (1 - found.value)
    assert found.value == pytest.approx(0.486699574935, abs=1e-9)
    assert error == pytest.approx(0.0306116424327, rel=1e-6)


def test_the_interval_of_an_auc_by_woman_is_wider_than_that_of_as_many_independent_images() -> None:
    by_woman = auc_with_interval(CLUSTERED)
    as_if = auc_with_interval(cases_of(ONE, POSITIVE))
    assert by_woman.high - by_woman.low > as_if.high - as_if.low
