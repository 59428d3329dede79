"""One breast per woman: guessing is .5 again, and the draws are repeatable."""

import numpy as np
import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Pooling, guessing_auc, pool_cases
from mammo_core.metrics.confounding import one_breast_auc
from mammo_core.metrics.uncertainty import IntervalMethod, auc_with_interval
from mammo_core.types import Level
from tests.predictions import made_up_predictions


def test_guessing_is_a_half_where_counting_women_would_make_it_a_third() -> None:
    table = made_up_predictions(women=400, with_cancer=200, skill=0.0)
    by_woman = pool_cases(table, Level.PATIENT, Pooling.OWN_BREAST)
    assert guessing_auc(by_woman) == pytest.approx(1 / 3)
    estimate = one_breast_auc(table).estimate
    assert estimate.value == pytest.approx(0.5, abs=0.06)
    assert estimate.low < 0.5 < estimate.high
    assert (estimate.positives, estimate.negatives) == (200, 200)


def test_the_mean_of_the_draws_is_what_all_breasts_weighed_by_woman_give() -> None:
    table = made_up_predictions(women=80, with_cancer=30)
    breasts = pool_cases(table, Level.BREAST)
    healthy = ~np.isin(breasts.groups, breasts.groups[breasts.positive])
    pairs = breasts.score[breasts.positive][:, None] > breasts.score[healthy][None, :]
    assert one_breast_auc(table, draws=3000).estimate.value == pytest.approx(
        pairs.mean(), abs=0.002
    )


def test_where_women_have_one_breast_each_it_is_the_auc_by_breast_and_its_interval() -> None:
    table = made_up_predictions(women=120, with_cancer=60)
    table = table[table["side"] == table["patient_id"].map(lambda name: "LR"[int(name[1:]) % 2])]
    drawn = one_breast_auc(table, draws=5).estimate
    whole = auc_with_interval(pool_cases(table, Level.BREAST))
    found = (drawn.value, drawn.low, drawn.high)
    assert found == pytest.approx((whole.value, whole.low, whole.high))
    assert drawn.method is IntervalMethod.DELONG


def test_the_seed_decides_the_draws() -> None:
    table = made_up_predictions(women=60)
    assert one_breast_auc(table, draws=20) == one_breast_auc(table, draws=20)
    other = one_breast_auc(table, draws=20, seed=1)
    assert other.estimate.value != one_breast_auc(table, draws=20).estimate.value


def test_few_women_have_the_interval_for_few() -> None:
    estimate = one_breast_auc(made_up_predictions(women=20, with_cancer=10)).estimate
    assert estimate.method is IntervalMethod.NEWCOMBE
    assert estimate.low < estimate.value < estimate.high


def test_where_every_woman_has_cancer_nothing_is_drawn() -> None:
    with pytest.raises(TableError, match="All 10 women have cancer"):
        one_breast_auc(made_up_predictions(women=10, with_cancer=10))


def test_without_sides_nothing_is_drawn() -> None:
    with pytest.raises(TableError, match="no side"):
        one_breast_auc(made_up_predictions(women=10).assign(side=pd.NA))
