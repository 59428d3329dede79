"""What a threshold promises, and whether it is kept on other women."""

import numpy as np
import pytest
from scipy.stats import norm

from mammo_core.errors import TableError
from mammo_core.metrics.conservative import (
    choose_conservatively,
    delivered_of,
    promised_rate,
)
from mammo_core.metrics.rates import more_rates
from mammo_core.metrics.threshold import Aim, choose_threshold, was_picked
from mammo_core.metrics.uncertainty import (
    IntervalMethod,
    rate_with_interval,
    rates_at,
    without_interval,
)
from tests.metrics.conftest import cases_of


def share_kept(*, ill: int, is_careful: bool, studies: int = 300) -> float:
    """How often sensitivity .8 is truly met, where cancers score evenly from 0 to 1."""
    rng = np.random.default_rng(ill)
    choose = choose_conservatively if is_careful else choose_threshold
    positive = np.arange(ill + 20) < ill
    kept = [
        1 - choose(cases_of(rng.random(ill + 20), positive), Aim.SENSITIVITY, 0.8).threshold
        for _ in range(studies)
    ]
    return float(np.mean(np.array(kept) >= 0.8))


def test_a_target_met_by_the_rate_is_truly_met_in_a_minority_of_studies() -> None:
    assert share_kept(ill=20, is_careful=False) < 0.5


def test_a_target_met_by_the_interval_is_truly_met() -> None:
    assert share_kept(ill=20, is_careful=True, studies=60) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("ill", [20, 60])
def test_a_target_met_by_the_interval_is_truly_met_in_nearly_all(ill: int) -> None:
    assert share_kept(ill=ill, is_careful=True) >= 0.95


def test_what_cannot_be_promised_is_said() -> None:
    ten = cases_of(np.linspace(0, 1, 20), np.arange(20) >= 10)
    with pytest.raises(TableError, match="With 10 of 20 cases positive no threshold can promise"):
        choose_conservatively(ten, Aim.SENSITIVITY, 0.9)


def test_a_promise_has_the_interval_of_its_women_where_their_number_was_kept() -> None:
    hits, groups = np.repeat([True, False], [36, 4]), np.repeat(np.arange(20), 2)
    here = rate_with_interval(hits, groups)
    kept = promised_rate(36, 40, 20.0)
    assert (kept.low, kept.high) == pytest.approx((here.low, here.high))
    assert promised_rate(36, 40, 0.0).low > kept.low


def test_a_promise_that_is_not_kept_is_told() -> None:
    promised = promised_rate(45, 50, 50.0)
    far = delivered_of(promised, promised_rate(60, 100, 100.0))
    near = delivered_of(promised, promised_rate(86, 100, 100.0))
    assert far is not None
    assert near is not None
    assert far.in_words.startswith("less than was promised (-30.0%, 95 % ")
    assert near.in_words.startswith("not told apart from what was promised (-4.0%")
    # chi-square of 45 of 50 against 60 of 100, times 149/150, as scipy's without correction gives
    assert far.p_value == pytest.approx(0.000162, rel=0.05)


@pytest.mark.parametrize(("promised", "delivered"), [((10, 10), (28, 40)), ((8, 10), (20, 20))])
def test_words_are_not_stronger_than_the_interval_beside_them(
    promised: tuple[int, int], delivered: tuple[int, int]
) -> None:
    told = delivered_of(*(promised_rate(*one, one[1]) for one in (promised, delivered)))
    assert told is not None
    assert told.p_value < 0.05
    assert told.low < 0.0 < told.high
    assert "not told apart from what was promised" in told.in_words


def test_women_who_repeat_promise_less() -> None:
    delivered = promised_rate(35, 50, 50.0)
    alone = delivered_of(promised_rate(45, 50, 50.0), delivered)
    twice = delivered_of(promised_rate(45, 50, 25.0), delivered)
    assert alone is not None
    assert twice is not None
    assert twice.p_value > alone.p_value


def deliveries(studies: int, aim: Aim) -> tuple[float, float]:
    """A threshold is chosen on 40 women with cancer and 160 without, and tried on twice as many of
    whom the same is true: how often its promise is doubted, and how often the interval holds 0.
    """
    rng, found = np.random.default_rng(0), []
    for _ in range(studies):
        chosen_on, others = (
            cases_of(rng.normal(size=count) + 2.0 * (np.arange(count) < count // 5),
                     np.arange(count) < count // 5)
            for count in (200, 400)
        )  # fmt: skip
        threshold = choose_threshold(chosen_on, aim, 0.9).threshold
        promised, delivered = (rates_at(cases, threshold) for cases in (chosen_on, others))
        kept = (
            delivered_of(promised.sensitivity, delivered.sensitivity)
            if aim is Aim.SENSITIVITY
            else delivered_of(promised.specificity, delivered.specificity)
        )
        assert kept is not None
        found.append((kept.p_value < 0.05, kept.low <= 0 <= kept.high))
    doubted, held = np.mean(found, axis=0)
    return float(doubted), float(held)


CHOSEN_BY = pytest.mark.parametrize("aim", [Aim.SENSITIVITY, Aim.SPECIFICITY])


@CHOSEN_BY
def test_a_promise_that_is_kept_is_rarely_doubted(aim: Aim) -> None:
    doubted, held = deliveries(300, aim)
    assert doubted <= 0.09
    assert held >= 0.92


@pytest.mark.slow
@CHOSEN_BY
def test_a_promise_that_is_kept_is_doubted_in_one_study_of_twenty_at_most(aim: Aim) -> None:
    doubted, held = deliveries(2000, aim)
    assert doubted <= 0.06
    assert held >= 0.94


@pytest.mark.parametrize("aim", [Aim.F1, Aim.YOUDEN])
def test_the_best_of_all_thresholds_holds_its_rates_for_other_women(aim: Aim) -> None:
    """Scores are normal, so what a threshold truly finds is known. Wilson's own interval held the
    sensitivity of F1's threshold in 84 to 90 of 100 studies.
    """
    rng = np.random.default_rng(1)
    positive = np.arange(500) < 60
    held = []
    for _ in range(300):
        cases = cases_of(norm.cdf(rng.normal(size=500) + positive), positive)
        threshold = choose_threshold(cases, aim, 0.0).threshold
        rates = rates_at(cases, threshold, is_picked=aim.is_picked)
        truth = norm.sf(norm.ppf(threshold) - 1.0)
        held.append(rates.sensitivity.low <= truth <= rates.sensitivity.high)
    assert 0.92 <= np.mean(held) <= 0.99


def test_the_best_threshold_of_few_women_has_no_interval_and_says_why() -> None:
    rng = np.random.default_rng(0)
    few, enough = (cases_of(rng.random(300), np.arange(300) < ill) for ill in (49, 50))
    hidden = rates_at(few, 0.5, is_picked=True)
    assert not hidden.sensitivity.is_told
    assert hidden.specificity.method == IntervalMethod.PICKED_OF_FEW
    assert {one.name for one in more_rates(few, 0.5, is_picked=True) if one.low is not None} == {
        "Probabilistic F1"
    }
    told, plain = rates_at(enough, 0.5, is_picked=True), rates_at(enough, 0.5)
    assert told.sensitivity.low < plain.sensitivity.low < plain.sensitivity.high
    assert rates_at(few, 0.5).sensitivity.is_told


def test_an_aim_that_was_written_down_is_known_for_the_best_of_all() -> None:
    assert was_picked("cost of a missed cancer, in false alarms 10")
    assert was_picked("Youden")
    assert not was_picked("sensitivity at least 0.9, by the end of its 95 % interval")


def test_what_was_picked_on_few_promises_nothing_that_could_be_tested() -> None:
    promised = without_interval(promised_rate(9, 10, 10.0))
    assert delivered_of(promised, promised_rate(60, 100, 100.0)) is None
