from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammo_core.errors import RunError, TableError
from mammo_core.metrics.ensemble import (
    Averaging,
    Ensemble,
    Member,
    load_ensemble,
    save_ensemble,
    score_ensemble,
)
from mammo_core.scores import Recalibration, ScoreMap

SAME = ScoreMap(kind=Recalibration.PLATT, prevalence=0.5)  # intercept 0, slope 1
SURE = Member(run_id="sure", weights_sha256="0", score_map=SAME, reference=(0.1, 0.2, 0.3, 0.4))
UNSURE = Member(
    run_id="unsure",
    weights_sha256="1",
    score_map=replace(SAME, intercept=float(np.log(9))),  # odds times nine: .1 is made .5
    reference=(0.01, 0.02, 0.03, 0.04),
)
MEAN = Ensemble(method=Averaging.MEAN, members=(SURE, UNSURE))
SCORES = np.array([[0.5, 0.9], [0.1, 0.5]])


def test_a_mean_is_of_calibrated_scores() -> None:
    assert score_ensemble(SCORES, MEAN).tolist() == pytest.approx([0.5, 0.9])


def test_a_rank_mean_is_of_places_among_each_members_own_validation_scores() -> None:
    ranks = replace(MEAN, method=Averaging.RANK_MEAN)
    scores = np.array([[0.25, 0.3, 0.9], [0.025, 0.03, 0.001]])
    assert score_ensemble(scores, ranks).tolist() == [0.5, 0.625, 0.5]


def test_one_case_gets_what_it_would_get_among_others() -> None:
    for method in (Averaging.MEAN, Averaging.RANK_MEAN):
        ensemble = replace(MEAN, method=method)
        alone = score_ensemble(SCORES[:, :1], ensemble)
        assert alone[0] == score_ensemble(SCORES, ensemble)[0]


def test_scores_of_too_few_members_and_folds_are_refused() -> None:
    with pytest.raises(TableError, match="2 members need as many rows of scores; found 1"):
        score_ensemble(SCORES[:1], MEAN)
    with pytest.raises(TableError, match="make an ensemble of the folds"):
        score_ensemble(SCORES, replace(MEAN, method=Averaging.OUT_OF_FOLD))


def test_an_ensemble_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "members.json"
    save_ensemble(MEAN, path)
    assert load_ensemble(path) == MEAN
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 9'))
    with pytest.raises(RunError, match="has schema version 9"):
        load_ensemble(path)
    with pytest.raises(RunError, match="is no ensemble"):
        load_ensemble(tmp_path / "none.json")
