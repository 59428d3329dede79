import math

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.threshold import operating_point, operating_points
from mammo_core.types import Level
from tests.metrics.conftest import cases_of

SCORED = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()),
    min_size=1,
    max_size=30,
)
TEN = cases_of(
    [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95],
    [0, 0, 0, 1, 0, 0, 1, 0, 1, 1],
)


def test_a_case_exactly_at_the_threshold_is_called(four_breasts: pd.DataFrame) -> None:
    point = operating_point(pool_cases(four_breasts, Level.BREAST), 0.60)
    assert (point.true_positives, point.false_positives) == (1, 1)
    assert (point.false_negatives, point.true_negatives) == (0, 2)
    assert point.recall_rate == 0.5
    assert point.sensitivity == 1.0
    assert point.specificity == 2 / 3
    assert point.ppv == 0.5
    assert point.npv == 1.0


def test_where_nobody_is_called_there_is_no_ppv() -> None:
    assert math.isnan(operating_point(TEN, 1.0).ppv)
    assert operating_point(TEN, 1.0).npv == 0.6


def test_all_points_run_from_nobody_to_everybody() -> None:
    points = operating_points(TEN)
    assert len(points) == 11
    assert (points.at(0).called, points.at(10).called) == (0, 10)
    assert points.at(4).threshold == 0.65
    assert (points.at(4).true_positives, points.at(4).false_positives) == (3, 1)


def test_ties_are_called_together() -> None:
    points = operating_points(cases_of([0.5, 0.5, 0.5, 0.1], [1, 0, 0, 1]))
    assert points.thresholds.tolist() == [math.inf, 0.5, 0.1]
    assert points.called.tolist() == [0, 3, 4]


@given(SCORED)
def test_one_pass_counts_what_each_threshold_counts_alone(rows: list[tuple[float, bool]]) -> None:
    cases = cases_of([score for score, _ in rows], [positive for _, positive in rows])
    points = operating_points(cases)
    for index in range(len(points)):
        assert points.at(index) == operating_point(cases, float(points.thresholds[index]))


@given(SCORED)
def test_a_lower_threshold_never_loses_a_cancer(rows: list[tuple[float, bool]]) -> None:
    points = operating_points(cases_of([s for s, _ in rows], [p for _, p in rows]))
    assert (np.diff(points.true_positives) >= 0).all()
    assert (np.diff(points.false_positives) >= 0).all()
    assert (np.diff(points.thresholds) < 0).all()


def test_the_other_rates_are_what_their_names_say() -> None:
    point = operating_point(TEN, 0.5)  # 3 of 4 found, 2 of 6 false alarms
    assert point.accuracy == 0.7
    assert point.f1 == 2 * 3 / (5 + 4)
