import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.special import expit, logit

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.smooth import smooth_calibration, spline, why_no_curve
from tests.metrics.conftest import cases_of


def made_up(
    rng: np.random.Generator, women: int, *, stretched: float = 1.0, images: int = 1
) -> Cases:
    """Scores that are probabilities where they are not `stretched`."""
    seen = np.repeat(rng.normal(size=women), images) + 0.5 * rng.normal(size=women * images)
    truth = -1.5 + seen
    positive = rng.random(len(truth)) < expit(truth)
    groups = np.repeat(np.arange(women), images)
    return cases_of(expit(stretched * truth), positive, groups=groups)


def test_the_basis_is_a_natural_cubic_spline() -> None:
    """Any mixture of its columns is the one that scipy draws through its values at the knots."""
    knots = np.array([-2.0, -0.5, 0.25, 2.0])
    mixture = np.array([0.3, -1.0, 2.0, 0.7])
    inside = np.linspace(-2.0, 2.0, 41)
    natural = CubicSpline(knots, spline(knots, knots) @ mixture, bc_type="natural")
    assert spline(inside, knots) @ mixture == pytest.approx(natural(inside), abs=1e-9)
    beyond = spline(np.array([3.0, 4.0, 5.0]), knots) @ mixture
    assert np.diff(beyond, 2) == pytest.approx(0.0, abs=1e-9)


def test_a_probability_lies_within_its_band_and_may_have_no_distance() -> None:
    found = smooth_calibration(made_up(np.random.default_rng(1), 2000))
    assert found is not None
    inside = found.curve["score"].between(found.curve["low"], found.curve["high"])
    assert inside.mean() > 0.9
    assert found.ici_interval is not None
    assert found.ici_interval[0] == 0.0
    assert found.ici < 0.03


def test_scores_twice_as_extreme_are_as_far_off_as_they_are() -> None:
    cases = made_up(np.random.default_rng(2), 4000, stretched=2.0)
    apart = np.abs(expit(logit(cases.score) / 2) - cases.score)
    found = smooth_calibration(cases)
    assert found is not None
    assert found.ici == pytest.approx(apart.mean(), abs=0.01)
    assert found.e90 == pytest.approx(np.quantile(apart, 0.9), abs=0.03)
    assert found.e90_interval is not None
    assert 0.0 < found.e90_interval[0] < np.quantile(apart, 0.9) < found.e90_interval[1]


@pytest.mark.parametrize(("stretched", "images"), [(1.0, 1), (2.0, 2)])
def test_the_interval_of_the_mean_distance_holds_the_truth(stretched: float, images: int) -> None:
    held_of_studies(12, stretched, images, least=0.75)


@pytest.mark.slow
@pytest.mark.parametrize(("stretched", "images"), [(1.0, 1), (1.0, 2), (2.0, 1), (2.0, 2)])
def test_the_intervals_hold_in_nineteen_of_twenty_studies(stretched: float, images: int) -> None:
    held_of_studies(400, stretched, images, least=0.92)


def held_of_studies(studies: int, stretched: float, images: int, *, least: float) -> None:
    rng = np.random.default_rng(3)
    large = made_up(rng, 100_000, stretched=stretched)
    apart = np.abs(expit(logit(large.score) / stretched) - large.score)
    held, in_band = [], []
    for _ in range(studies):
        found = smooth_calibration(made_up(rng, 300, stretched=stretched, images=images))
        if found is None:  # of some draws too few have cancer
            continue
        curve = found.curve
        truth_at = expit(logit(curve["score"]) / stretched)
        in_band.append(((curve["low"] <= truth_at) & (truth_at <= curve["high"])).mean())
        for interval, truth in (
            (found.ici_interval, apart.mean()),
            (found.e90_interval, np.quantile(apart, 0.9)),
        ):
            assert interval is not None
            held.append(interval[0] <= truth <= interval[1])
    assert len(held) > 1.8 * studies
    assert np.mean(held) >= least
    assert np.mean(in_band) >= least


@pytest.mark.parametrize(
    ("cases", "reason"),
    [
        (cases_of(np.linspace(0, 1, 100), np.arange(100) % 10 == 0), "of one kind there are 10"),
        (cases_of(np.linspace(0, 1, 100), np.arange(100) >= 50), "parts all cases"),
        (cases_of(np.arange(150) % 4 / 4, np.arange(150) % 3 == 0), "too few steps"),
    ],
)
def test_where_there_is_no_curve_the_reason_is_said(cases: Cases, reason: str) -> None:
    assert smooth_calibration(cases) is None
    assert reason in why_no_curve(cases)
