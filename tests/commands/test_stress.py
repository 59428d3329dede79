from pathlib import Path
from types import SimpleNamespace

import pytest

from mammo_core.cli import main
from mammo_core.config import JudgeConfig
from mammo_core.inference import judging
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import create_run
from mammo_core.runs.measured import stress_of
from mammo_core.runs.operating_points import openings_of
from mammo_core.types import RunState
from mammo_core.worker import main as work
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms
from tests.predictions import made_up_predictions, write_run


@pytest.mark.parametrize(("split", "looks"), [("test", 2), ("all", 0)])
@pytest.mark.parametrize("kind", ["stress", "froc", "explain-check"])
def test_what_test_images_tell_is_a_look_in_the_shell_and_as_a_job(
    kind: str, split: str, looks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    run = write_run(tmp_path / "runs", "made-up", made_up_predictions(women=4))
    found = SimpleNamespace(split=split, sentences=("found so much",))
    monkeypatch.setattr(judging, "judge", lambda *_args, **_more: found)
    assert main([kind, "made-up"]) == 0
    config = JudgeConfig(kind="stress", checkpoint="made-up")
    job = create_run(config, tmp_path / "jobs", what="stress", total=0)
    assert work("stress", job.path) == 0
    assert job.read_status().message == "found so much"
    assert len(openings_of(run)) == looks


@pytest.mark.parametrize("asked", [["--split", "val"], ["--label-rule", "lesion"]])
def test_of_its_own_set_a_model_is_judged_on_its_test_women_alone(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made-up").mkdir(parents=True)
    run = RunFolder(write_checkpoint(tmp_path / "runs" / "made-up"))
    run.write_status(RunStatus(state=RunState.FINISHED))
    assert main(["stress", "made-up", *asked]) == 2
    assert f"{asked[0]} is of another data set, named with --data" in capsys.readouterr().err
    assert not openings_of(run)


@pytest.mark.slow
def test_a_checkpoint_is_put_under_stress_and_what_was_found_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made-up").mkdir(parents=True)
    run = RunFolder(write_checkpoint(tmp_path / "runs" / "made-up"))
    run.write_status(RunStatus(state=RunState.FINISHED))
    put_phantoms(tmp_path / "set", women=6)

    command = ["stress", "made-up", "--data", str(tmp_path / "set"), "--images", "8"]
    assert main(command) == 0
    told = capsys.readouterr().out
    (kept,) = stress_of(run)
    assert kept.caution == ""
    assert (kept.images, kept.women, kept.positive_images) == (8, 2, 2)
    assert all(sentence in told for sentence in kept.sentences)
    assert "No threshold is in force" in told
    assert main(["stress", "nobody"]) == 2
    assert "There is no run named 'nobody'" in capsys.readouterr().err
