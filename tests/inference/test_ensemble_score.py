from pathlib import Path

import pytest

from mammo_core.inference.ensembles import ensembles_with, join_scores
from mammo_core.metrics.ensemble import Averaging, Ensemble, Member, save_ensemble
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder
from mammo_core.scores import Recalibration, ScoreMap

AS_IT_IS = ScoreMap(kind=Recalibration.PLATT, prevalence=0.5, slope=1.0, intercept=0.0)


def member(run_id: str) -> Member:
    return Member(
        run_id=run_id, weights_sha256="0" * 64, score_map=AS_IT_IS, reference=(0.1, 0.2, 0.3, 0.4)
    )


def ensemble(method: Averaging) -> Ensemble:
    return Ensemble(method=method, members=(member("one"), member("two")))


def test_the_mean_of_two_members_lies_between_them() -> None:
    first, second = join_scores(ensemble(Averaging.MEAN), [[0.2, 0.9], [0.6, 0.9]])
    assert first.score == pytest.approx(0.4)
    assert (first.lowest, first.highest) == pytest.approx((0.2, 0.6))
    assert second.score == pytest.approx(0.9)


def test_ranks_are_joined_as_ranks() -> None:
    (joined,) = join_scores(ensemble(Averaging.RANK_MEAN), [[0.25], [0.5]])
    assert joined.members == (0.5, 1.0)
    assert joined.score == 0.75


def test_only_ensembles_with_this_model_that_can_score_others_are_offered(tmp_path: Path) -> None:
    methods = {"mean": Averaging.MEAN, "folds": Averaging.OUT_OF_FOLD}
    for name, method in methods.items():
        (tmp_path / name).mkdir()
        save_ensemble(ensemble(method), tmp_path / name / MEMBERS_NAME)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MEMBERS_NAME).write_text("{")
    (tmp_path / "plain").mkdir()
    runs = [RunFolder(path) for path in sorted(tmp_path.iterdir())]
    assert [run.run_id for run in ensembles_with("one", runs)] == ["mean"]
    assert not ensembles_with("three", runs)
