from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.measured import stress_of
from mammo_core.types import RunState
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms


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
    assert (kept.images, kept.women, kept.positive_images) == (8, 2, 2)
    assert all(sentence in told for sentence in kept.sentences)
    assert "No threshold is in force" in told
    assert main(["stress", "nobody"]) == 2
    assert "There is no run named 'nobody'" in capsys.readouterr().err
