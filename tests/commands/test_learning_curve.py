"""`mammo learning-curve`: the same training on growing shares of its women."""

from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import RunConfig, save_settings
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.runs.sidecars import read_seen
from mammo_core.types import RunState
from tests.commands.test_reproduce import TINY
from tests.inference.made_up import write_checkpoint
from tests.pages.training_pages import wait_until_over
from tests.phantoms import put_phantoms
from tests.training.made_up import CONFIG


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


@pytest.mark.parametrize(
    ("shares", "reason"),
    [("a half", "is no list of numbers"), ("0.5,1.5", "Train share is 1.5; it must lie between")],
)
def test_shares_that_are_none_are_refused_before_anything_is_started(
    home: Path, shares: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "runs" / "made-up").mkdir(parents=True)
    run = RunFolder(write_checkpoint(home / "runs" / "made-up"))
    save_settings(CONFIG, run.settings_file)
    run.write_status(RunStatus(state=RunState.FINISHED))
    assert main(["learning-curve", "made-up", "--shares", shares]) == 2
    assert reason in capsys.readouterr().err
    assert len(list_runs(home / "runs")) == 1


@pytest.mark.slow
def test_a_run_learns_again_from_half_of_its_women(home: Path) -> None:
    put_phantoms(home / "set", women=24)
    assert main(["train", "--recipe", "smoke", "--data", str(home / "set"), *TINY, "--wait"]) == 0
    (whole,) = list_runs(home / "runs")
    assert main(["learning-curve", whole.run_id, "--shares", "0.5"]) == 0
    (half,) = [run for run in list_runs(home / "runs") if run.run_id != whole.run_id]
    wait_until_over(half)
    assert half.settings(RunConfig).data.train_share == 0.5
    women = []
    for run in (half, whole):
        seen = read_seen(run)
        assert seen is not None
        women.append({split: set(names) for split, names in seen.groupby("split")["group_id"]})
    assert women[0]["train"] < women[1]["train"]
    assert women[0]["test"] == women[1]["test"]
    assert women[0]["val"] == women[1]["val"]
