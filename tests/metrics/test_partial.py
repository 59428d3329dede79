"""Partial areas against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import auc, roc_curve

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.partial import (
    SpecificityRange,
    partial_auc,
    partial_auc_difference,
    partial_auc_with_interval,
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
    truth = partial_auc(made_up(np.random.default_rng(2), 200_000), HIGH)
    rng, held = np.random.default_rng(3), []
    for _ in range(40):
        found = partial_auc_with_interval(made_up(rng), HIGH)
        assert found is not None
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.85


def test_equal_models_are_rarely_told_apart_and_a_better_one_is() -> None:
    rng, claimed = np.random.default_rng(4), []
    for _ in range(40):
        one = made_up(rng)
        other = cases_of(made_up(rng).score, one.positive)
        difference = partial_auc_difference(one, other, HIGH)
        assert difference is not None
        claimed.append(difference.is_clear)
    assert np.mean(claimed) <= 0.1
    better = cases_of(one.score + 2.0 * one.positive, one.positive)
    clear = partial_auc_difference(better, one, HIGH)
    assert clear is not None
    assert clear.is_clear
    assert clear.low > 0.0


def test_a_range_that_runs_backwards_is_refused() -> None:
    cases = made_up(np.random.default_rng(5))
    with pytest.raises(TableError, match=r"within 0 and 1; this one from 0\.9 to 0\.8"):
        partial_auc(cases, SpecificityRange(low=0.9, high=0.8))
