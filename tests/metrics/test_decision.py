import numpy as np
import pytest
from scipy.special import expit, logit, stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.net_benefit import decision_curve, net_benefits, why_no_test
from mammo_core.metrics.uncertainty import rate_with_interval, resampled_weights
from tests.metrics.conftest import cases_of
from tests.quick import some_slow

FIVE = cases_of([0.1, 0.2, 0.3, 0.6, 0.8], [0, 0, 0, 0, 1])


def test_net_benefit_is_cancers_found_less_false_alarms_at_their_price() -> None:
    curve = decision_curve(FIVE, prevalence=0.2, thresholds=np.array([0.25, 0.7]))
    assert curve["model"].tolist() == pytest.approx([1 / 5 - 2 / 5 / 3, 1 / 5])
    assert curve["everybody"].tolist() == pytest.approx([0.2 - 0.8 / 3, 0.2 - 0.8 * 0.7 / 0.3])
    assert curve["nobody"].tolist() == [0.0, 0.0]


def test_a_case_exactly_at_the_threshold_is_called() -> None:
    curve = decision_curve(FIVE, prevalence=0.2, thresholds=np.array([0.8, 0.81]))
    assert curve["model"].tolist() == pytest.approx([0.2, 0.0])


def test_another_prevalence_changes_what_calling_everybody_is_worth() -> None:
    rare = decision_curve(FIVE, prevalence=0.01, thresholds=np.array([0.02]))
    assert rare["everybody"].iloc[0] == pytest.approx(0.01 - 0.99 * 0.02 / 0.98)


def test_one_class_and_thresholds_at_the_ends_are_refused() -> None:
    with pytest.raises(TableError, match="with and cases without"):
        decision_curve(cases_of([0.1], [0]), prevalence=0.1, thresholds=np.array([0.5]))
    with pytest.raises(TableError, match="between 0 and 1"):
        decision_curve(FIVE, prevalence=0.1, thresholds=np.array([1.0]))


def probabilities(rng: np.random.Generator, models: int, *, images: int = 1) -> list[Cases]:
    """Of models that see the same 200 women equally well."""
    groups = np.repeat(np.arange(200), images)
    positive = groups < 40
    seen = rng.normal(size=200)[groups] + 2.0 * positive
    drawn = [seen + rng.normal(size=len(groups)) for _ in range(models)]
    return [cases_of(expit(logit(0.2) + one - 1), positive, groups=groups) for one in drawn]


@pytest.mark.parametrize(("models", "images"), some_slow([(2, 1), (2, 2), (5, 1)], quick=1))
def test_equal_models_are_rarely_told_apart_by_what_they_are_worth(
    models: int, images: int
) -> None:
    called_different(60, models, images, most=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("models", "images"), [(2, 1), (2, 2), (5, 1)])
def test_equal_models_differ_in_one_study_of_twenty_at_most(models: int, images: int) -> None:
    called_different(2000, models, images, most=0.06)


def called_different(studies: int, models: int, images: int, *, most: float) -> None:
    rng, claimed = np.random.default_rng(0), []
    names = [*map(str, range(models))]
    for _ in range(studies):
        found = net_benefits(
            names, probabilities(rng, models, images=images), prevalence=0.2, threshold=0.15
        )
        claimed.append(any(one.behind is not None and one.behind.is_clear for one in found))
    assert np.mean(claimed) <= most


def test_the_spread_of_a_difference_is_what_drawing_women_again_shows() -> None:
    one, other = probabilities(np.random.default_rng(1), 2, images=2)
    (_, second) = net_benefits(["A", "B"], [one, other], prevalence=0.2, threshold=0.15)
    assert second.behind is not None
    half = (second.behind.high - second.behind.low) / 2
    pulls = [
        np.bincount(m.groups, weights=np.where(m.positive, 0.2 / 80, -0.8 * 0.15 / 0.85 / 320)
                    * (m.score >= 0.15)) for m in (one, other)
    ]  # fmt: skip
    apart = pulls[0] - pulls[1]
    drawn = []
    for weights in resampled_weights(np.arange(200) < 40, resamples=4000, seed=2):
        drawn.append(weights @ apart)
    assert half / stdtrit(39, 0.975) == pytest.approx(np.concatenate(drawn).std(), rel=0.05)


def test_a_model_that_finds_all_is_worth_more_than_one_that_guesses() -> None:
    positive = np.arange(100) < 20
    good, guess = cases_of(positive * 0.9, positive), cases_of(np.full(100, 0.1), positive)
    best, other = net_benefits(["guess", "good"], [guess, good], prevalence=0.2, threshold=0.5)
    assert (best.name, best.value, other.value) == ("good", pytest.approx(0.2), 0.0)
    assert other.behind is None  # no woman differs from another of her kind: nothing to test by
    assert best.low < 0.2 <= best.high


def test_of_few_women_differences_are_not_tested() -> None:
    positive = np.arange(100) < 9
    models = [cases_of(np.arange(100) / 100, positive), cases_of(positive * 0.9, positive)]
    found = net_benefits(["A", "B"], models, prevalence=0.1, threshold=0.5)
    assert [one.behind for one in found] == [None, None]
    assert "of one kind there are 9" in why_no_test(models[0])


def test_the_band_holds_the_line_and_is_that_of_both_rates() -> None:
    cases = probabilities(np.random.default_rng(3), 1)[0]
    (row,) = decision_curve(cases, prevalence=0.2, thresholds=np.array([0.2])).itertuples()
    called = cases.score >= 0.2
    found = rate_with_interval(called[cases.positive], np.arange(40))
    alarms = rate_with_interval(called[~cases.positive], np.arange(160))
    assert row.high - row.model == pytest.approx(
        np.hypot(0.2 * (found.high - found.value), 0.2 * (alarms.value - alarms.low))
    )
    assert row.low < row.model < row.high
