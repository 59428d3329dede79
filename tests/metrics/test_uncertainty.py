import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mammo_core.errors import TableError
from mammo_core.metrics.curves import rate_bands
from mammo_core.metrics.uncertainty import (
    IntervalMethod,
    auc_parts,
    auc_with_interval,
    degrees_of_freedom,
    effective_groups,
    rate_with_interval,
    rates_at,
    share_interval,
    t_quantile,
    wilson_interval,
)
from tests.metrics.conftest import cases_of
from tests.metrics.resampled import resampled_aucs


@given(st.integers(1, 200), st.data())
def test_wilson_is_that_of_scipy(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    reference = binomtest(count, total).proportion_ci(method="wilson")
    assert wilson_interval(count / total, total) == pytest.approx(
        (reference.low, reference.high), abs=1e-9
    )


def test_a_handful_of_cancers_is_a_small_sample_however_many_women_have_none() -> None:
    score = np.array([0.9, 0.6, 0.4, *np.linspace(0.0, 0.7, 60)])
    positive = np.array([True] * 3 + [False] * 60)
    parts = auc_parts(score, positive, np.arange(63))
    assert degrees_of_freedom(parts) == 2
    assert t_quantile(parts) == pytest.approx(4.3027, abs=1e-4)  # Student's, of 2 degrees
    turned = auc_parts(-score, ~positive, np.arange(63))
    assert t_quantile(turned) == t_quantile(parts)


def test_independent_cases_get_wilson() -> None:
    rate = rate_with_interval(np.array([True] * 9 + [False]), np.arange(10))
    assert (rate.count, rate.total, rate.value, rate.method) == (9, 10, 0.9, IntervalMethod.WILSON)
    assert (rate.low, rate.high) == pytest.approx((0.596, 0.982), abs=0.001)


def test_ten_images_of_each_woman_that_agree_count_as_the_women() -> None:
    hits, women = np.arange(40) % 4 == 0, np.arange(40)
    rate = rate_with_interval(np.repeat(hits, 10), np.repeat(women, 10))
    assert (rate.count, rate.total, rate.groups) == (100, 400, 40)
    assert rate.method is IntervalMethod.WILSON_CLUSTERED
    assert (rate.low, rate.high) == pytest.approx(wilson_interval(0.25, 40), abs=0.002)


def test_women_whose_images_do_not_resemble_each_other_lose_nothing() -> None:
    rng = np.random.default_rng(0)
    hits = rng.random(4000) < 0.3
    rate = rate_with_interval(hits, np.arange(4000) // 2)
    assert rate.high - rate.low == pytest.approx(
        np.diff(wilson_interval(hits.mean(), 4000))[0], rel=0.05
    )


def test_a_rate_of_one_is_as_uncertain_as_its_women_are_few() -> None:
    rate = rate_with_interval(np.ones(100, dtype=bool), np.arange(100) // 2)
    assert (rate.low, rate.high) == (pytest.approx(wilson_interval(1.0, 50)[0]), 1.0)


def test_without_cases_there_is_no_rate() -> None:
    rate = rate_with_interval(np.array([], dtype=bool), np.array([], dtype=np.intp))
    assert math.isnan(rate.value)
    assert math.isnan(rate.low)
    assert rate.method is IntervalMethod.NONE


def test_women_with_unequal_numbers_of_images_count_less() -> None:
    assert effective_groups(np.array([0, 0, 1, 1])) == 2.0
    assert effective_groups(np.array([0, 0, 0, 1])) == 1.6  # 16 / (9 + 1)


def test_every_rate_at_a_threshold_has_its_own_denominator() -> None:
    cases = cases_of([0.9, 0.8, 0.3, 0.7, 0.2, 0.1], [1, 1, 1, 0, 0, 0])
    rates = rates_at(cases, 0.5)
    assert (rates.sensitivity.count, rates.sensitivity.total) == (2, 3)
    assert (rates.specificity.count, rates.specificity.total) == (2, 3)
    assert (rates.recall_rate.count, rates.recall_rate.total) == (3, 6)
    assert (rates.ppv.count, rates.ppv.total) == (2, 3)
    assert (rates.npv.count, rates.npv.total) == (2, 3)


def made_up(women: int, images: int, *, shared: float) -> tuple[np.ndarray, ...]:
    """Scores of which a woman's images share some; a third of the women have cancer."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(women), images)
    positive = groups % 3 == 0
    noise = shared * rng.normal(size=women)[groups] + rng.normal(size=women * images)
    return 1 / (1 + np.exp(-noise - positive)), positive, groups


def test_delong_is_used_only_where_every_case_is_its_own_woman() -> None:
    score, positive, groups = made_up(160, 2, shared=1.0)
    assert auc_with_interval(cases_of(score, positive)).method is IntervalMethod.DELONG
    clustered = auc_with_interval(cases_of(score, positive, groups=groups))
    assert (clustered.method, clustered.groups) == (IntervalMethod.OBUCHOWSKI, 160)


@pytest.mark.parametrize(
    ("ill", "method"), [(49, IntervalMethod.NEWCOMBE), (50, IntervalMethod.DELONG)]
)
def test_the_smaller_class_decides_which_interval_an_auc_has(
    ill: int, method: IntervalMethod
) -> None:
    positive = np.arange(1000) < ill
    score = np.random.default_rng(0).random(1000) + 0.5 * positive
    assert auc_with_interval(cases_of(score, positive)).method is method
    assert auc_with_interval(cases_of(-score, ~positive)).method is method


def test_ignoring_that_women_repeat_makes_the_interval_too_narrow() -> None:
    score, positive, groups = made_up(200, 4, shared=2.0)
    naive = auc_with_interval(cases_of(score, positive))
    honest = auc_with_interval(cases_of(score, positive, groups=groups))
    assert honest.value == naive.value
    assert honest.high - honest.low > 1.4 * (naive.high - naive.low)


@pytest.mark.parametrize("images", [1, 4])
def test_the_formula_and_the_bootstrap_over_women_agree(images: int) -> None:
    score, positive, groups = made_up(300, images, shared=1.0)
    estimate = auc_with_interval(cases_of(score, positive, groups=groups))
    resampled = resampled_aucs(score[None, :], positive, groups, resamples=1000, seed=0)[0]
    low, high = np.percentile(resampled, [2.5, 97.5])
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.012)


def test_a_perfect_auc_keeps_its_doubt() -> None:
    estimate = auc_with_interval(cases_of(np.arange(40) / 40, np.arange(40) >= 20))
    assert (estimate.value, estimate.high, estimate.method) == (1.0, 1.0, IntervalMethod.NEWCOMBE)
    assert 0.8 < estimate.low < 0.99


def test_scores_that_are_all_equal_prove_nothing() -> None:
    estimate = auc_with_interval(cases_of(np.full(40, 0.5), np.arange(40) >= 20))
    assert estimate.value == 0.5
    assert estimate.high - estimate.low > 0.3


def test_three_cases_give_a_wide_interval_and_no_error() -> None:
    estimate = auc_with_interval(cases_of([0.1, 0.8, 0.9], [0, 0, 1]))
    assert (estimate.value, estimate.positives, estimate.negatives) == (1.0, 1, 2)
    assert estimate.low < 0.3


def test_one_class_alone_has_no_auc() -> None:
    with pytest.raises(TableError, match="no case without cancer among these 2"):
        auc_with_interval(cases_of([0.1, 0.2], [1, 1]))


def test_the_bands_are_the_intervals_of_each_threshold() -> None:
    score, positive, groups = made_up(60, 2, shared=1.0)
    cases = cases_of(score, positive, groups=groups)
    bands = rate_bands(cases, most=10)
    assert bands["threshold"].is_monotonic_increasing
    middle = bands.iloc[5]
    rates = rates_at(cases, float(middle["threshold"]))
    assert (middle["sensitivity"], middle["sensitivity_low"], middle["sensitivity_high"]) == (
        rates.sensitivity.value,
        rates.sensitivity.low,
        rates.sensitivity.high,
    )
    assert middle["specificity_low"] == rates.specificity.low
    assert bands["sensitivity"].iloc[0] == 1.0


def test_women_of_whom_hardly_any_is_ranked_wrongly_have_the_interval_of_few() -> None:
    """Of 60 women with cancer at an AUC above 11/12, as of fewer than 50 at any."""
    rng = np.random.default_rng(0)
    positive = np.arange(200) < 60
    noise = rng.normal(size=200)
    methods = [
        auc_with_interval(cases_of(noise + gain * positive, positive)).method for gain in (1.0, 3.0)
    ]
    assert methods == [IntervalMethod.DELONG, IntervalMethod.NEWCOMBE]


def test_one_score_for_all_of_many_women_has_an_interval() -> None:
    flat = auc_with_interval(cases_of(np.full(200, 0.3), np.arange(200) < 60))
    assert flat.low < 0.45 < flat.value < 0.55 < flat.high


def test_a_rate_of_three_is_held_as_often_as_promised() -> None:
    """All three with cancer are found where the threshold is at the lowest of them; it truly finds
    less than x in x ** 3 of studies. Wilson's interval, from .44 on, missed that in 8 of 100.
    """
    rate = rate_with_interval(np.ones(3, dtype=bool), np.arange(3))
    assert rate.method is IntervalMethod.EXACT
    assert (rate.low**3, rate.high) == (pytest.approx(0.025), 1.0)
    assert wilson_interval(1.0, 3)[0] ** 3 > 0.08


@pytest.mark.parametrize(("count", "total"), [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)])
def test_the_interval_of_fewer_than_five_is_that_of_clopper_and_pearson(
    count: int, total: int
) -> None:
    ends = binomtest(count, total).proportion_ci(method="exact")
    assert share_interval(count / total, total) == pytest.approx((ends.low, ends.high))


def test_from_five_on_the_interval_of_a_rate_is_wilsons() -> None:
    assert share_interval(1.0, 5) == wilson_interval(1.0, 5)
    low, high = share_interval(1.0, 4.99)
    assert low < wilson_interval(1.0, 5)[0]
    assert high == 1.0
