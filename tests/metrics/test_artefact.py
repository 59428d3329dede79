from dataclasses import replace

import numpy as np
import pytest

from mammo_core.metrics.cases import Pooling, guessing_auc, pool_cases, why_no_auc
from mammo_core.metrics.uncertainty import auc_of
from mammo_core.types import Level
from mammo_core.words import CalledFor
from tests.metrics.conftest import cases_of
from tests.predictions import made_up_predictions


def test_equally_many_images_leave_guessing_at_a_half() -> None:
    cases = pool_cases(made_up_predictions(), Level.PATIENT)
    assert guessing_auc(cases) == 0.5
    assert why_no_auc(cases) is None


def test_one_breast_against_two_is_a_third() -> None:
    cases = pool_cases(made_up_predictions(), Level.PATIENT, Pooling.OWN_BREAST)
    assert guessing_auc(cases) == pytest.approx(1 / 3)
    reason = why_no_auc(cases)
    assert reason is not None
    assert "pooled from 2.0 images on average, those without from 4.0" in reason
    dense = why_no_auc(replace(cases, finding=CalledFor(one="C or D", several="with C or D")))
    assert dense == reason.replace("cancer", "C or D") != reason
    assert "0.33" in reason


def test_random_scores_really_reach_what_is_foretold() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(1, 5, 20_000)
    positive = rng.random(20_000) < images / 8
    highest = rng.random(20_000) ** (1 / images)  # of so many uniform scores
    cases = replace(cases_of(highest, positive), images=images)
    assert guessing_auc(cases) == pytest.approx(auc_of(highest, positive), abs=0.01)
    assert guessing_auc(cases) > 0.55


def test_the_mean_of_guesses_favours_nobody() -> None:
    cases = replace(cases_of([0.1, 0.9], [0, 1]), images=np.array([4, 1]), rule=Pooling.MEAN)
    assert guessing_auc(cases) == 0.5


def test_one_class_is_a_reason_too() -> None:
    assert why_no_auc(cases_of([0.1, 0.2], [0, 0])) == (
        "All 2 cases are of one class, so there is no AUC."
    )
