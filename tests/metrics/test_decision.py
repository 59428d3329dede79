import numpy as np
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.calibration import decision_curve
from tests.metrics.conftest import cases_of

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
