"""A model on another data set: its threshold stays as it was locked, its own women are left out."""

import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Pooling
from mammo_core.metrics.external import (
    Locked,
    finest_sound_level,
    is_of_same_women,
    judge_elsewhere,
    judge_external,
    without_training_women,
)
from mammo_core.types import Level
from tests.predictions import made_up_predictions

BY_BREAST = Locked(threshold=0.5, level=Level.BREAST, rule=Pooling.MAX)


def test_a_locked_threshold_is_applied_at_its_own_level() -> None:
    table = made_up_predictions(women=40, with_cancer=20)
    found = judge_external(table, level=Level.IMAGE, locked=BY_BREAST)
    assert len(found.cases) == 160
    assert found.rates is not None
    assert found.rates.sensitivity.total == 20
    assert found.rates.specificity.total == 60
    assert found.auc is not None
    assert found.calibration is not None
    assert found.notes == ()


def test_without_a_locked_point_or_its_level_there_are_no_rates() -> None:
    table = made_up_predictions(women=40, with_cancer=20)
    assert judge_external(table, level=Level.BREAST, locked=None).notes == (
        "No operating point is locked.",
    )
    found = judge_external(table.assign(side=pd.NA), level=Level.IMAGE, locked=BY_BREAST)
    assert found.rates is None
    assert "by breast, which these images do not tell" in found.notes[0]


def test_cases_of_one_class_have_no_auc_and_no_calibration() -> None:
    table = made_up_predictions(women=10, with_cancer=0)
    found = judge_external(table, level=Level.BREAST, locked=BY_BREAST)
    assert found.auc is None
    assert found.calibration is None
    assert "All 20 cases are of one class" in found.notes[0]
    assert found.rates is not None
    assert found.rates.sensitivity.total == 0


def test_the_level_is_the_breast_where_sides_are_known() -> None:
    table = made_up_predictions(women=10)
    assert finest_sound_level(table) is Level.BREAST
    assert finest_sound_level(table.assign(side=pd.NA)) is Level.IMAGE


@pytest.mark.parametrize(("column", "value"), [("label", "no cancer"), ("density", "A")])
def test_equal_names_are_equal_women_only_where_all_that_is_told_of_them_agrees(
    column: str, value: str
) -> None:
    own = made_up_predictions(women=20, with_cancer=20)
    assert is_of_same_women(own, made_up_predictions(women=30, with_cancer=20, seed=5))
    assert not is_of_same_women(own, own.assign(**{column: value}))
    assert not is_of_same_women(own, own.assign(image_id="x" + own["image_id"]))


def test_of_its_own_women_a_model_is_judged_on_those_it_was_tested_on() -> None:
    everybody = made_up_predictions(women=20)
    own = everybody.assign(
        split=everybody["patient_id"].map(lambda name: "test" if name < "w005" else "val")
    )
    left = without_training_women(own, everybody)
    assert sorted(left["patient_id"].unique()) == [f"w00{number}" for number in range(5)]


def test_whom_a_model_it_went_on_from_learnt_from_is_left_out_and_counted() -> None:
    table = made_up_predictions(women=20, with_cancer=10)
    first, second, *_ = table["group_id"].unique()
    judged = judge_elsewhere(
        table, own=None, weights_sha256="", locked=None, learnt=(first, second, "nobody here")
    )
    assert judged.cases.positives + judged.cases.negatives == 2 * 18
    assert any("Left out: 2 women that it, or a model it went on from," in n for n in judged.notes)
    every = judge_elsewhere(table, own=None, weights_sha256="", locked=None)
    assert len(every.cases) == 2 * 20


def test_where_all_women_were_learnt_from_that_is_the_reason() -> None:
    table = made_up_predictions(women=20, with_cancer=10)
    with pytest.raises(TableError, match="Left out: 20 women that it, or a model it went on"):
        judge_elsewhere(
            table, own=None, weights_sha256="", locked=None, learnt=set(table["group_id"])
        )
