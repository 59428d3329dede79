import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score
from sklearn.metrics import roc_curve as reference_roc

from mammo_core.metrics.curves import (
    average_precision,
    pr_curve,
    probabilistic_f1,
    roc_curve,
)
from mammo_core.metrics.uncertainty import auc_of
from tests.metrics.conftest import cases_of

RNG = np.random.default_rng(0)
POSITIVE = RNG.random(200) < 0.3
CASES = cases_of(np.round(RNG.random(200) * 0.7 + 0.3 * POSITIVE, 2), POSITIVE)


def test_the_roc_curve_is_that_of_scikit_learn() -> None:
    ours = roc_curve(CASES)
    fpr, tpr, thresholds = reference_roc(CASES.positive, CASES.score, drop_intermediate=False)
    assert ours["false_positive_rate"].to_numpy() == pytest.approx(fpr)
    assert ours["sensitivity"].to_numpy() == pytest.approx(tpr)
    assert ours["threshold"].to_numpy() == pytest.approx(thresholds)


def test_the_area_under_the_curve_is_the_auc() -> None:
    curve = roc_curve(CASES)
    area = np.trapezoid(curve["sensitivity"], curve["false_positive_rate"])
    assert area == pytest.approx(auc_of(CASES.score, CASES.positive))


def test_average_precision_is_that_of_scikit_learn() -> None:
    assert average_precision(CASES) == pytest.approx(
        average_precision_score(CASES.positive, CASES.score)
    )


def test_calling_everybody_has_the_prevalence_as_its_ppv() -> None:
    last = pr_curve(CASES).iloc[-1]
    assert last["sensitivity"] == 1.0
    assert last["ppv"] == CASES.positives / len(CASES)


def test_the_probabilistic_f1_of_certain_scores_is_the_usual_f1() -> None:
    certain = cases_of([1.0, 1.0, 0.0, 0.0, 1.0], [1, 0, 1, 0, 1])
    assert probabilistic_f1(certain) == pytest.approx(f1_score(certain.positive, certain.score))
    assert probabilistic_f1(cases_of([0.5, 0.5], [1, 0])) == 0.5
