"""A threshold locked in a shell is the one the page would lock."""

from pathlib import Path

import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.metrics.cases import Pooling, pool_cases
from mammo_core.metrics.threshold import threshold_for_sensitivity
from mammo_core.metrics.uncertainty import rates_at
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import locked_points, point_in_force
from mammo_core.types import Level
from tests.predictions import made_up_predictions, write_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """60 validation women, 20 with cancer in one breast; the same women again as a test set."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    return write_run(tmp_path / "runs", "mine", both(made_up_predictions()))


def both(val: pd.DataFrame) -> pd.DataFrame:
    test = made_up_predictions(seed=1)
    return pd.concat([val.assign(split="val"), test.assign(image_id=test["image_id"] + "t")])


def test_the_highest_threshold_that_finds_nine_in_ten_is_locked(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", "mine", "--aim", "sensitivity:0.9", "--level", "breast"]) == 0
    (point,) = locked_points(run)
    cases = pool_cases(made_up_predictions(), Level.BREAST)
    assert point.threshold == threshold_for_sensitivity(cases, 0.9).threshold
    assert (point.promise.found, point.promise.positives, point.split) == (18, 20, "val")
    told = capsys.readouterr().out
    assert "by breast, locked for sensitivity at least 0.9." in told
    assert "this threshold called 18 of 20 breasts with cancer" in told


def test_the_mean_of_a_breasts_images_may_be_its_score(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["lock", "mine", "--aim", "sensitivity:0.9", "--level", "breast", "--pooling"]
    assert main([*command, "mean"]) == 0
    (point,) = locked_points(run)
    cases = pool_cases(made_up_predictions(), Level.BREAST, Pooling.MEAN)
    assert point.threshold == threshold_for_sensitivity(cases, 0.9).threshold
    assert point.pooling == "mean"
    assert main([*command, "own breast"]) == 2
    assert main([*command, "luck"]) == 2
    told = capsys.readouterr().err
    assert "cannot be pooled by own breast; they can by max, mean" in told
    assert "There is no pooling 'luck'" in told


def test_a_conservative_one_meets_its_target_by_the_end_of_its_interval(run: RunFolder) -> None:
    """Of 20 cancers all must be found before even four in five can be promised."""
    command = ["lock", "mine", "--aim", "sensitivity:0.8", "--level", "breast"]
    assert main(command) == 0
    assert main([*command, "--conservative"]) == 0
    plain, careful = locked_points(run)
    cases = pool_cases(made_up_predictions(), Level.BREAST)
    assert rates_at(cases, plain.threshold).sensitivity.low < 0.8
    assert rates_at(cases, careful.threshold).sensitivity.low >= 0.8
    assert careful.threshold < plain.threshold
    assert careful.aim.endswith("by the end of its 95 % interval")


def test_what_no_number_of_cancers_can_promise_is_said(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", "mine", "--aim", "sensitivity:0.95", "--conservative"]) == 2
    told = capsys.readouterr().err
    assert "positive no threshold can promise sensitivity at least 0.95" in told
    assert locked_points(run) == []


def test_an_aim_that_hard_scores_cannot_meet_is_not_locked(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores of 0 and 1 leave no threshold between calling the 1s and calling nobody."""
    table = both(made_up_predictions())
    table.assign(score=(table["score"] >= 0.5) * 1.0).to_csv(run.predictions_file, index=False)
    for aim in ("specificity:0.99", "recall-rate:0.05"):
        assert main(["lock", "mine", "--aim", aim, "--level", "breast"]) == 2
        assert "only where nobody is called" in capsys.readouterr().err
    assert locked_points(run) == []
    assert main(["lock", "mine", "--aim", "sensitivity:0.5", "--level", "breast"]) == 0


def test_a_threshold_that_comes_with_the_model_judges_until_users_lock_their_own(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["lock", "mine", "--level", "breast", "--aim"]
    assert main([*command, "sensitivity:0.9", "--with-model"]) == 0
    ships = point_in_force(run)
    assert ships is not None
    assert ships.comes_with_model
    assert "stays in force" not in capsys.readouterr().out
    assert main([*command, "fixed:0.37"]) == 0
    assert main([*command, "sensitivity:0.9", "--with-model"]) == 0
    assert "what was locked or unlocked last stays in force" in capsys.readouterr().out
    own = point_in_force(run)
    assert own is not None
    assert (own.threshold, own.comes_with_model) == (0.37, False)


@pytest.mark.parametrize(
    ("aim", "complaint"),
    [
        ("luck", "There is no aim 'luck'. Known: sensitivity, specificity, recall-rate"),
        ("sensitivity", "The aim sensitivity needs a target, as in sensitivity:0.9."),
        ("youden:0.9", "The aim youden has no target."),
        ("sensitivity:90", "it must lie between 0 and 1"),
        ("sensitivity:much", "The target 'much' of sensitivity is no number."),
    ],
)
def test_a_mistaken_aim_is_one_sentence(
    run: RunFolder, capsys: pytest.CaptureFixture[str], aim: str, complaint: str
) -> None:
    assert main(["lock", "mine", "--aim", aim]) == 2
    assert complaint in capsys.readouterr().err


def test_test_women_never_choose_a_threshold(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up_predictions().to_csv(run.predictions_file, index=False)
    assert main(["lock", "mine", "--aim", "youden"]) == 2
    assert "have no validation women" in capsys.readouterr().err
