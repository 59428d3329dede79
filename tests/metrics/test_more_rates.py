"""Mixtures of rates: values against scikit-learn, intervals that know of women."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    class_likelihood_ratios,
    f1_score,
)

from mammo_core.metrics.cases import Cases, pool_cases
from mammo_core.metrics.curves import probabilistic_f1
from mammo_core.metrics.rates import DerivedRate, more_rates
from mammo_core.types import Level
from tests.metrics.conftest import cases_of
from tests.predictions import made_up_predictions


def figures(cases: Cases, threshold: float = 0.4) -> dict[str, DerivedRate]:
    return {figure.name: figure for figure in more_rates(cases, threshold)}


CASES = pool_cases(made_up_predictions(women=120, with_cancer=40), Level.BREAST)


def test_values_are_those_of_scikit_learn() -> None:
    found, called = figures(CASES), CASES.score >= 0.4
    assert found["Accuracy"].value == pytest.approx(accuracy_score(CASES.positive, called))
    assert found["F1"].value == pytest.approx(f1_score(CASES.positive, called))
    assert found["Balanced accuracy"].value == pytest.approx(
        balanced_accuracy_score(CASES.positive, called)
    )
    up, down = class_likelihood_ratios(CASES.positive, called)
    assert found["Likelihood ratio, called"].value == pytest.approx(up)
    assert found["Likelihood ratio, not called"].value == pytest.approx(down)
    assert found["Probabilistic F1"].value == pytest.approx(probabilistic_f1(CASES))


def test_every_value_lies_in_its_interval() -> None:
    for figure in more_rates(CASES, 0.4):
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high, figure.name


def test_women_who_repeat_make_intervals_wider() -> None:
    """Every case twice: of one woman it tells nothing more, of two it would."""
    score, positive = np.tile(CASES.score, 2), np.tile(CASES.positive, 2)
    once = np.arange(len(CASES))
    same = figures(cases_of(score, positive, groups=np.tile(once, 2)))
    others = figures(cases_of(score, positive))
    for name in ("Accuracy", "Balanced accuracy", "F1"):
        assert width(same[name]) == pytest.approx(2**0.5 * width(others[name]), rel=0.15)


def width(figure: DerivedRate) -> float:
    assert figure.low is not None
    assert figure.high is not None
    return figure.high - figure.low


def test_what_divides_by_nothing_has_no_interval() -> None:
    perfect = cases_of(np.repeat([0.9, 0.1], 30), np.repeat([True, False], 30))
    found = figures(perfect, 0.5)
    assert (found["Accuracy"].value, found["Accuracy"].high) == (1.0, pytest.approx(1.0))
    assert found["Accuracy"].low == pytest.approx(60 / (60 + 1.959964**2))
    assert found["Likelihood ratio, called"].value == np.inf
    assert found["Likelihood ratio, called"].low is None


@pytest.mark.parametrize("ill", [5, 30])
def test_intervals_of_few_cancers_hold_the_truth(ill: int) -> None:
    """Sensitivity .8 and specificity .9 by lot; percentiles of 5 cancers held them in 70 to 90."""
    rng = np.random.default_rng(ill)
    positive = np.arange(250) < ill
    truth = {
        "Balanced accuracy": 0.85,
        "F1": 2 * 0.8 * ill / (0.8 * ill + 0.1 * (250 - ill) + ill),
        "Accuracy": (0.8 * ill + 0.9 * (250 - ill)) / 250,
        "Likelihood ratio, called": 8.0,
        "Likelihood ratio, not called": 0.2 / 0.9,
    }
    held: dict[str, list[bool]] = {name: [] for name in truth}
    for _ in range(300):
        called = rng.random(250) < np.where(positive, 0.8, 0.1)
        found = figures(cases_of(called.astype(float), positive), 0.5)
        for name, value in truth.items():
            low, high = found[name].low, found[name].high
            held[name].append(low is not None and high is not None and low <= value <= high)
    assert {name: share for name, one in held.items() if (share := np.mean(one)) < 0.92} == {}


def test_rates_of_both_kinds_are_not_put_together_of_four_women() -> None:
    """Of three with cancer balanced accuracy held in 91 of 100, the likelihood ratio in 89."""
    rng = np.random.default_rng(0)
    for ill, is_told in ((4, False), (5, True)):
        positive = np.arange(200) < ill
        found = figures(cases_of(0.35 * positive + rng.random(200) * 0.5, positive))
        assert (found["Balanced accuracy"].low is not None) is is_told


def test_the_probabilistic_f1_of_few_cancers_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    for ill, is_told in ((29, False), (30, True)):
        found = figures(cases_of(rng.random(300), np.arange(300) < ill))
        assert (found["Probabilistic F1"].low is not None) is is_told


def test_one_class_has_none_of_them() -> None:
    assert more_rates(cases_of([0.1, 0.9], [True, True]), 0.5) == []


def test_what_moves_with_the_prevalence_is_marked() -> None:
    marked = {figure.name for figure in more_rates(CASES, 0.4) if figure.is_of_prevalence}
    assert marked == {"Accuracy", "F1", "Probabilistic F1"}
