import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from mammo_core.metrics.uncertainty import (
    auc_covariance,
    auc_of,
    auc_parts,
    degrees_of_freedom,
    hanley_mcneil_variance,
    newcombe_interval,
    placements,
    t_quantile,
)

#: Hanley and McNeil (1982), table 1: 109 CT images rated from 1 to 5.
RATED_NORMAL = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], [33, 6, 6, 11, 2])
RATED_ABNORMAL = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], [3, 2, 2, 11, 33])
RATINGS = np.concatenate([RATED_NORMAL, RATED_ABNORMAL])
ABNORMAL = np.repeat([False, True], [58, 51])


def both_classes(
    count: int, seed: int, *, ties: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    positive = rng.random(count) < 0.3
    positive[:2] = [True, False]
    return np.round(rng.normal(size=count) + positive, ties), positive


def delong_by_the_book(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Every pair compared, as DeLong (1988) writes it."""
    pairs = score[positive][:, None] - score[~positive][None, :]
    wins = (pairs > 0) + 0.5 * (pairs == 0)
    by_cancer, by_other = wins.mean(axis=1), wins.mean(axis=0)
    return float(
        np.var(by_cancer, ddof=1) / len(by_cancer) + np.var(by_other, ddof=1) / len(by_other)
    )


def variance(
    score: NDArray[np.float64], positive: NDArray[np.bool_], groups: NDArray[np.intp]
) -> float:
    parts = auc_parts(score, positive, groups)
    return auc_covariance(parts, parts)


def test_three_of_four_pairs_in_order_are_an_auc_of_three_quarters() -> None:
    assert auc_of(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == 0.75


def test_a_tie_counts_half() -> None:
    assert auc_of(np.array([0.5, 0.5]), np.array([True, False])) == 0.5


def test_one_class_has_no_auc() -> None:
    assert np.isnan(auc_of(np.array([0.1, 0.2]), np.array([True, True])))


def test_the_published_auc_of_the_ct_ratings_comes_out() -> None:
    value = auc_of(RATINGS, ABNORMAL)
    assert value == pytest.approx(0.893, abs=0.0005)
    assert hanley_mcneil_variance(value, 51, 58) ** 0.5 == pytest.approx(0.032, abs=0.0005)


@pytest.mark.parametrize("ties", [0, 1, 8])
def test_auc_is_that_of_scikit_learn_and_scipy(ties: int) -> None:
    score, positive = both_classes(300, seed=ties, ties=ties)
    rank_sum = mannwhitneyu(score[positive], score[~positive]).statistic
    assert auc_of(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    assert auc_of(score, positive) == pytest.approx(
        rank_sum / (positive.sum() * (~positive).sum()), abs=1e-12
    )


@pytest.mark.parametrize("ties", [0, 1, 8])
def test_the_fast_delong_variance_is_the_one_by_the_book(ties: int) -> None:
    score, positive = both_classes(120, seed=ties, ties=ties)
    assert variance(score, positive, np.arange(120)) == pytest.approx(
        delong_by_the_book(score, positive), rel=1e-12
    )


def test_placements_are_shares_of_the_other_class() -> None:
    shares = placements(np.array([0.9, 0.1, 0.5, 0.5]), np.array([True, False, True, False]))
    assert shares.tolist() == [1.0, 1.0, 0.75, 0.75]


@given(st.integers(0, 10_000))
def test_a_monotone_map_of_the_scores_leaves_the_auc(seed: int) -> None:
    score, positive = both_classes(25, seed, ties=1)
    assert auc_of(np.exp(3 * score) + 7, positive) == auc_of(score, positive)


@given(st.integers(0, 10_000))
def test_swapping_the_classes_mirrors_the_auc(seed: int) -> None:
    score, positive = both_classes(25, seed, ties=1)
    assert auc_of(score, ~positive) == pytest.approx(1 - auc_of(score, positive), abs=1e-12)


def test_a_second_copy_of_every_image_teaches_nothing_new() -> None:
    score, positive = both_classes(80, seed=3, ties=8)
    women = np.arange(80)
    once = variance(score, positive, women)
    twice = variance(np.tile(score, 2), np.tile(positive, 2), np.tile(women, 2))
    assert twice == pytest.approx(once, rel=1e-12)
    as_if_independent = variance(np.tile(score, 2), np.tile(positive, 2), np.arange(160))
    assert as_if_independent < 0.6 * once


def test_the_difference_of_two_equal_models_has_no_variance() -> None:
    score, positive = both_classes(60, seed=1, ties=8)
    groups = np.arange(60) // 2
    one, other = auc_parts(score, positive, groups), auc_parts(2 * score, positive, groups)
    spread = (
        auc_covariance(one, one) + auc_covariance(other, other) - 2 * auc_covariance(one, other)
    )
    assert spread == pytest.approx(0.0, abs=1e-15)


def test_what_a_woman_shifts_in_both_classes_alike_cancels_out() -> None:
    """Both scores of the second woman are .5 lower: that moves her cancer down in the ranks by as
    much as the other case.
    """
    score, positive = np.array([0.9, 0.8, 0.4, 0.3]), np.array([True, False, True, False])
    parts = auc_parts(score, positive, np.array([0, 0, 1, 1]))
    assert parts.with_cancer.tolist() == [0.25, -0.25]
    assert parts.without.tolist() == [-0.25, 0.25]
    assert auc_covariance(parts, parts) == pytest.approx(0.0)


def test_newcombes_interval_solves_its_equation() -> None:
    def distance(truth: float) -> float:
        spread = 1 + 19 * (1 - truth) / (2 - truth) + 19 * truth / (1 + truth)
        return (0.8 - truth) ** 2 - 1.96**2 * truth * (1 - truth) * spread / (10 * 30)

    low, high = newcombe_interval(0.8, 10, 30, z=1.96)
    assert low == pytest.approx(brentq(distance, 0.1, 0.8), abs=1e-9)
    assert high == pytest.approx(brentq(distance, 0.8, 0.999), abs=1e-9)


def test_a_perfect_auc_of_few_cases_is_not_certain() -> None:
    low, high = newcombe_interval(1.0, 5, 5, z=1.96)
    assert high == 1.0
    assert 0.5 < low < 0.8
    assert newcombe_interval(0.0, 5, 5, z=1.96) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize("positive", [np.arange(20) < 4, np.arange(20) >= 4])
def test_the_rarer_class_alone_says_how_small_the_sample_is(positive: NDArray[np.bool_]) -> None:
    parts = auc_parts(np.linspace(0.0, 1.0, 20), positive, np.arange(20))
    assert degrees_of_freedom(parts) == 3  # 4 women of the one class, 16 of the other
    assert t_quantile(parts) == pytest.approx(3.182, abs=0.001)  # Student's t, any table
