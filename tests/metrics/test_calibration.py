from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from mammo_core.errors import TableError
from mammo_core.metrics.calibration import (
    at_prevalence,
    calibration_of,
    fit_score_map,
    map_scores,
    probabilities_at,
    recalibrate,
    reliability,
    unmap_score,
)
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import auc_of
from mammo_core.scores import Recalibration, ScoreMap
from tests.metrics.conftest import cases_of


def made_up(count: int = 20_000, *, slope: float = 1.0, shift: float = 0.0, seed: int = 0) -> Cases:
    """Scores whose log-odds are those of the truth, times `slope`, plus `shift`."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(loc=-1.0, size=count)
    return cases_of(expit(slope * truth + shift), rng.random(count) < expit(truth))


def test_scores_that_are_probabilities_are_found_to_be_so() -> None:
    calibration = calibration_of(made_up())
    assert calibration.intercept == pytest.approx(0.0, abs=0.05)
    assert calibration.slope == pytest.approx(1.0, abs=0.05)
    assert calibration.expected_error < 0.01


def test_scores_twice_too_extreme_have_half_the_slope() -> None:
    assert calibration_of(made_up(slope=2.0)).slope == pytest.approx(0.5, abs=0.03)


def test_scores_too_high_on_the_whole_have_a_negative_intercept() -> None:
    assert calibration_of(made_up(shift=1.0)).intercept == pytest.approx(-1.0, abs=0.05)


def test_slope_and_brier_are_those_of_scikit_learn() -> None:
    cases = made_up(2000, slope=0.7, shift=0.3)
    reference = LogisticRegression(C=np.inf, tol=1e-8).fit(
        logit(cases.score)[:, None], cases.positive
    )
    calibration = calibration_of(cases)
    assert calibration.slope == pytest.approx(reference.coef_[0, 0], abs=1e-3)
    assert calibration.brier.score == pytest.approx(brier_score_loss(cases.positive, cases.score))


def test_intervals_of_intercept_slope_and_brier_hold_the_truth_and_shrink_with_the_cases() -> None:
    few, many = calibration_of(made_up(2000)), calibration_of(made_up(8000))
    for calibration in (few, many):
        assert calibration.intercept_interval is not None
        assert calibration.slope_interval is not None
        assert calibration.brier_interval is not None
        assert calibration.intercept_interval[0] < 0.0 < calibration.intercept_interval[1]
        assert calibration.slope_interval[0] < 1.0 < calibration.slope_interval[1]
        assert (
            calibration.brier_interval[0] < calibration.brier.score < calibration.brier_interval[1]
        )
    assert few.slope_interval is not None
    assert many.slope_interval is not None
    assert np.diff(many.slope_interval)[0] == pytest.approx(
        np.diff(few.slope_interval)[0] / 2, rel=0.1
    )


def test_the_interval_of_the_slope_is_that_of_independent_cases_where_women_have_one() -> None:
    """Of a model that holds, the sandwich is the inverse of the information."""
    cases = made_up(20_000)
    calibration = calibration_of(cases)
    log_odds = logit(cases.score)
    share = expit(calibration.intercept + log_odds)
    design = np.column_stack([np.ones(len(cases)), log_odds])
    error = np.sqrt(np.linalg.inv((design * (share * (1 - share))[:, None]).T @ design)[1, 1])
    assert calibration.slope_interval is not None
    assert np.diff(calibration.slope_interval)[0] / 2 == pytest.approx(1.96 * error, rel=0.03)


def test_a_woman_counted_twice_narrows_nothing() -> None:
    once = made_up(400)
    women = np.tile(np.arange(400), 2)
    twice = cases_of(np.tile(once.score, 2), np.tile(once.positive, 2), groups=women)
    one, two = calibration_of(once), calibration_of(twice)
    assert two.slope_interval == pytest.approx(one.slope_interval, abs=1e-4)
    assert two.intercept_interval == pytest.approx(one.intercept_interval, abs=1e-4)
    assert two.brier_interval == pytest.approx(one.brier_interval, abs=1e-9)


def test_what_nothing_can_be_said_about_has_no_interval() -> None:
    few = calibration_of(made_up(29))
    assert (few.intercept_interval, few.slope_interval, few.brier_interval) == (None, None, None)
    same = calibration_of(cases_of(np.full(100, 0.5), np.arange(100) < 50))
    assert same.slope_interval is None
    perfect = np.arange(100) < 50
    assert calibration_of(cases_of(np.where(perfect, 0.9, 0.1), perfect)).slope_interval is None


def test_the_parts_of_the_brier_score_add_up_where_a_bin_holds_one_score() -> None:
    cases = cases_of([0.2] * 5 + [0.8] * 5, [1, 0, 0, 0, 0, 1, 1, 1, 0, 0])
    brier = calibration_of(cases, bins=2).brier
    assert brier.reliability == pytest.approx((0 + 0.2**2) / 2)
    assert brier.resolution == pytest.approx((0.2**2 + 0.2**2) / 2)
    assert brier.uncertainty == pytest.approx(0.24)
    assert brier.within_bins == pytest.approx(0.0, abs=1e-12)


def test_the_expected_error_is_the_mean_gap_of_the_bins() -> None:
    cases = cases_of([0.2] * 5 + [0.8] * 5, [1, 0, 0, 0, 0, 1, 1, 1, 0, 0])
    assert calibration_of(cases, bins=2).expected_error == pytest.approx(0.1)


def test_equal_scores_are_never_torn_into_two_bins() -> None:
    table = reliability(cases_of([0.1] * 90 + [0.5] * 10, [0] * 95 + [1] * 5), bins=10)
    assert table["cases"].tolist() == [90, 10]
    assert table["positives"].tolist() == [0, 5]


@pytest.mark.parametrize("kind", list(Recalibration))
def test_recalibration_mends_what_it_can_and_keeps_the_ranks(kind: Recalibration) -> None:
    fitted = fit_score_map(made_up(slope=2.0, seed=1), kind)
    before = made_up(slope=2.0, seed=2)
    after = recalibrate(before, fitted)
    assert calibration_of(after).expected_error < 0.5 * calibration_of(before).expected_error
    assert auc_of(after.score, after.positive) == pytest.approx(
        auc_of(before.score, before.positive), abs=0.005
    )


def test_a_temperature_of_two_is_found() -> None:
    fitted = fit_score_map(made_up(slope=2.0), Recalibration.TEMPERATURE)
    assert 1 / fitted.slope == pytest.approx(2.0, rel=0.05)


def test_probabilities_move_to_another_prevalence_by_the_odds() -> None:
    moved = at_prevalence(cases_of([0.5, 0.9], [0, 1]), fitted=0.5, wanted=0.1)
    assert moved.score == pytest.approx([1 / 10, 9 / 18])  # odds 1 and 9, each divided by 9
    back = at_prevalence(moved, fitted=0.1, wanted=0.5)
    assert back.score == pytest.approx([0.5, 0.9])


def test_a_temperature_gives_no_probabilities_for_a_decision() -> None:
    """It leaves scores of 600 women far from right on the whole."""
    cases = made_up(600, slope=2.0, shift=4.0)
    temperature = fit_score_map(cases, Recalibration.TEMPERATURE)
    assert abs(calibration_of(recalibrate(cases, temperature)).intercept) > 0.5
    with pytest.raises(TableError, match="Choose Platt or isotonic"):
        probabilities_at(cases, temperature, prevalence=0.2)
    platt = fit_score_map(cases, Recalibration.PLATT)
    moved = probabilities_at(cases, platt, prevalence=platt.prevalence)
    assert moved.score.mean() == pytest.approx(platt.prevalence, abs=1e-4)


def test_scores_of_the_other_class_are_not_made_probabilities() -> None:
    upside_down = made_up(500, slope=-1.0)
    with pytest.raises(TableError, match="the other class"):
        fit_score_map(upside_down, Recalibration.PLATT)


def test_scores_of_exactly_nought_and_one_do_not_break_the_fit() -> None:
    calibration = calibration_of(cases_of([0.0, 0.0, 1.0, 1.0, 0.5], [0, 1, 1, 0, 1]))
    assert np.isfinite(calibration.slope)


def test_the_isotonic_map_is_that_of_scikit_learn() -> None:
    cases = cases_of([0.1, 0.1, 0.3, 0.4, 0.6, 0.6, 0.9], [0, 1, 0, 1, 0, 1, 1])
    fitted = fit_score_map(cases, Recalibration.ISOTONIC)
    reference = IsotonicRegression(out_of_bounds="clip").fit(cases.score, cases.positive)
    at = np.linspace(0.0, 1.0, 21)
    asked = cases_of(at, [0] * 21)
    assert recalibrate(asked, fitted).score == pytest.approx(reference.predict(at))


@pytest.mark.parametrize("kind", list(Recalibration))
def test_a_threshold_taken_back_to_scores_calls_the_same_cases(kind: Recalibration) -> None:
    cases = made_up(300, slope=2.0, shift=0.5)
    score_map = fit_score_map(cases, kind)
    mapped = map_scores(cases.score, score_map)
    for threshold in mapped[:20]:  # each of them some case's own
        called = cases.score >= unmap_score(float(threshold), score_map)
        assert called.tolist() == (mapped >= threshold).tolist()


def test_a_threshold_that_no_score_stands_for_calls_nobody_and_one_that_all_do_everybody() -> None:
    flat = ScoreMap(
        kind=Recalibration.ISOTONIC, prevalence=0.3, knots=(0.2, 0.8), values=(0.1, 0.6)
    )
    assert unmap_score(0.7, flat) == np.inf
    assert unmap_score(0.1, flat) == 0.0
    assert unmap_score(0.35, flat) == pytest.approx(0.5)


def test_scores_below_a_millionth_do_not_move_the_slope() -> None:
    """Scores eight times too extreme: their true slope is an eighth, whatever lies below 1e-6."""
    cases = made_up(4000, slope=8.0)
    assert (cases.score < 1e-6).mean() > 0.15
    assert calibration_of(cases).slope == pytest.approx(1 / 8, rel=0.08)


@pytest.mark.parametrize("extreme", [4.0, 5.0])
def test_the_cases_that_platts_map_was_fitted_on_are_calibrated_though_some_score_nought(
    extreme: float,
) -> None:
    cases = made_up(3000, slope=extreme)
    kept = replace(cases, score=cases.score.round(6))
    assert (kept.score == 0.0).any()
    told = calibration_of(recalibrate(kept, fit_score_map(kept, Recalibration.PLATT)))
    assert told.slope == pytest.approx(1.0, abs=1e-3)
    assert told.intercept == pytest.approx(0.0, abs=1e-3)


def test_a_score_rounded_to_nought_is_no_more_extreme_than_rounding_makes_it() -> None:
    cases = made_up(4000, slope=4.0)
    exact, kept = calibration_of(cases).slope, replace(cases, score=cases.score.round(6))
    assert (kept.score == 0.0).any()
    assert calibration_of(kept).slope == pytest.approx(exact, rel=0.02)
