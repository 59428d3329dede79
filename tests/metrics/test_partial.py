"""Partial areas against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import auc, roc_curve

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.partial import (
    SpecificityRange,
    partial_auc,
    partial_auc_with_interval,
    partial_aucs,
    why_no_partial,
)
from mammo_core.metrics.uncertainty import auc_covariance, auc_of, auc_parts
from tests.metrics.conftest import cases_of

HIGH = SpecificityRange(low=0.8, high=1.0)


def made_up(rng: np.random.Generator, women: int = 200, *, gain: float = 1.5) -> Cases:
    positive = np.arange(women) < women // 4
    return cases_of(np.round(rng.normal(size=women) + gain * positive, 1), positive)


def by_hand(cases: Cases, over: SpecificityRange) -> float:
    """scikit-learn's curve, cut at both ends by straight lines."""
    rate, share, _ = roc_curve(cases.positive, cases.score, drop_intermediate=False)
    left, right = 1 - over.high, 1 - over.low
    inside = (rate > left) & (rate < right)
    x = np.concatenate([[left], rate[inside], [right]])
    first = share[rate <= left][-1]  # of a step straight up, its top
    ends = np.interp(right, rate, share)
    return float(auc(x, np.concatenate([[first], share[inside], [ends]])) / over.width)


def test_the_whole_range_is_the_auc() -> None:
    cases = made_up(np.random.default_rng(0))
    whole = partial_auc(cases, SpecificityRange(low=0.0, high=1.0))
    assert whole == pytest.approx(auc_of(cases.score, cases.positive))


def test_a_part_is_that_of_the_drawn_curve() -> None:
    cases = made_up(np.random.default_rng(1))
    assert partial_auc(cases, HIGH) == pytest.approx(by_hand(cases, HIGH), abs=0.004)
    perfect = cases_of([0.1, 0.2, 0.9], [0, 0, 1])
    assert partial_auc(perfect, HIGH) == pytest.approx(1.0)


def test_four_cases_by_hand() -> None:
    """1 of 2 found before the first alarm, both before the second: .5 up to a rate of .5."""
    cases = cases_of([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
    assert partial_auc(cases, SpecificityRange(low=0.5, high=1.0)) == pytest.approx(0.5)
    assert partial_auc(cases, SpecificityRange(low=0.0, high=0.5)) == pytest.approx(1.0)
    assert partial_auc(cases, SpecificityRange(low=0.25, high=0.75)) == pytest.approx(0.75)


def test_forty_cases_come_out_as_in_proc() -> None:
    """R's pROC 1.18.0: auc(), auc(partial.auc = c(1, .8)) / .2, c(.9, .6) / .3, sqrt(var())."""
    number = np.arange(40)
    positive = number % 3 == 0
    score = np.round((number * 17 % 41) / 10 + 1.1 * positive, 1)
    cases = cases_of(score, positive)
    parts = auc_parts(score, positive, cases.groups)
    assert parts.value == pytest.approx(0.7486263736, abs=1e-9)
    assert auc_covariance(parts, parts) ** 0.5 == pytest.approx(0.0829342078, abs=1e-9)
    assert partial_auc(cases, HIGH) == pytest.approx(0.4285714286, abs=1e-9)
    middle = SpecificityRange(low=0.6, high=0.9)
    assert partial_auc(cases, middle) == pytest.approx(0.5265567766, abs=1e-9)


def test_the_interval_holds_what_many_women_give() -> None:
    assert held_in(40, women=200) >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("women", [80, 200])
def test_the_interval_holds_in_nineteen_of_twenty_studies(women: int) -> None:
    """Of 80 women 20 have cancer: fewer get no interval."""
    assert held_in(1000, women=women) >= 0.92


def held_in(studies: int, *, women: int) -> float:
    truth = partial_auc(made_up(np.random.default_rng(2), 200_000), HIGH)
    rng, held = np.random.default_rng(3), []
    for _ in range(studies):
        found = partial_auc_with_interval(made_up(rng, women), HIGH)
        if found is not None:
            held.append(found.low <= truth <= found.high)
    assert len(held) > 0.9 * studies
    return float(np.mean(held))


@pytest.mark.parametrize(("models", "studies"), [(2, 25), (5, 15)])
def test_equal_models_are_rarely_told_apart(models: int, studies: int) -> None:
    """Also where the best of five is picked on the very cases."""
    assert called_different(models, studies) <= 0.14


@pytest.mark.slow
@pytest.mark.parametrize("models", [2, 5])
def test_equal_models_are_told_apart_in_one_study_of_twenty_at_most(models: int) -> None:
    assert called_different(models, 1000) <= 0.06


def called_different(models: int, studies: int) -> float:
    rng, claimed = np.random.default_rng(4), []
    for _ in range(studies):
        first = made_up(rng)
        others = [cases_of(made_up(rng).score, first.positive) for _ in range(models - 1)]
        found = partial_aucs([*map(str, range(models))], [first, *others], HIGH)
        claimed.append(any(one.behind is not None and one.behind.is_clear for one in found))
    return float(np.mean(claimed))


def test_a_better_model_is_told_and_stands_first() -> None:
    one = made_up(np.random.default_rng(4))
    better = cases_of(one.score + 2.0 * one.positive, one.positive)
    best, other = partial_aucs(["one", "better"], [one, better], HIGH)
    assert (best.name, best.behind, other.name) == ("better", None, "one")
    assert other.behind is not None
    assert other.behind.is_clear
    assert other.behind.value == pytest.approx(partial_auc(better, HIGH) - partial_auc(one, HIGH))


def test_a_model_beside_itself_has_no_test() -> None:
    one = made_up(np.random.default_rng(6))
    assert [found.behind for found in partial_aucs(["A", "B"], [one, one], HIGH)] == [None, None]


def test_of_few_women_there_is_no_interval_but_a_reason() -> None:
    few = made_up(np.random.default_rng(7), 76)
    assert partial_auc_with_interval(few, HIGH) is None
    assert "of one kind there are 19" in why_no_partial(few)
    assert why_no_partial(made_up(np.random.default_rng(7), 80)) == ""


def test_guessing_reaches_the_middle_of_the_range() -> None:
    same = cases_of(np.ones(40), np.arange(40) < 20)
    assert partial_auc(same, HIGH) == pytest.approx(HIGH.of_guessing)
    assert HIGH.of_guessing == pytest.approx(0.1)


def test_a_range_that_runs_backwards_is_refused() -> None:
    cases = made_up(np.random.default_rng(5))
    with pytest.raises(TableError, match=r"within 0 and 1; this one from 0\.9 to 0\.8"):
        partial_auc(cases, SpecificityRange(low=0.9, high=0.8))
