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


def test_every_value_lies_in_its_interval_and_the_seed_repeats_it() -> None:
    for figure in more_rates(CASES, 0.4):
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high, figure.name
    assert more_rates(CASES, 0.4) == more_rates(CASES, 0.4)


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


def test_few_women_or_no_mistakes_have_no_interval() -> None:
    few = cases_of(np.linspace(0, 1, 20), np.arange(20) % 2 == 0)
    assert all(figure.low is None for figure in more_rates(few, 0.5))
    perfect = cases_of(np.repeat([0.9, 0.1], 30), np.repeat([True, False], 30))
    found = figures(perfect, 0.5)
    assert found["Accuracy"].value == 1.0
    assert found["Accuracy"].low is None
    assert found["Likelihood ratio, called"].value == np.inf


def test_one_class_has_none_of_them() -> None:
    assert more_rates(cases_of([0.1, 0.9], [True, True]), 0.5) == []


def test_what_moves_with_the_prevalence_is_marked() -> None:
    marked = {figure.name for figure in more_rates(CASES, 0.4) if figure.is_of_prevalence}
    assert marked == {"Accuracy", "F1", "Probabilistic F1"}
