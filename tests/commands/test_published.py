"""`mammo published`: what is known is listed; what is imported is held side by side."""

from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.types import RunState
from mammo_core.words import NOTICE
from mammo_core.zoo.published import PUBLISHED
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def test_every_model_is_listed_with_what_it_scores_and_whose_weights_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["published", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PUBLISHED)
    for entry, line in zip(PUBLISHED, lines, strict=True):
        assert line.startswith(entry.name)
        assert f"; by {entry.scores}; weights: {entry.weights_licence}" in line


def test_where_nothing_is_imported_nothing_is_held_side_by_side(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["published", "evaluate", "--all", "--data", str(tmp_path)]) == 2
    assert "none of the published ones is imported" in capsys.readouterr().err
    assert list(runs.iterdir()) == []


@pytest.mark.slow
def test_models_are_scored_once_and_held_side_by_side_and_one_that_fails_is_left_out(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("one", "two", "broken")):
        made = RunFolder(runs / name)
        made.path.mkdir()
        write_checkpoint(made.path, seed=seed)
        made.write_status(RunStatus(state=RunState.FINISHED))
    (runs / "broken" / "weights.safetensors").write_bytes(b"no weights")
    put_phantoms(tmp_path / "set", women=5)
    command = ["published", "evaluate", "--data", str(tmp_path / "set"), "--without-cost"]
    names = ["--checkpoint", "one", "--checkpoint", "two"]
    assert main([*command, *names, "--checkpoint", "broken"]) == 0
    told = capsys.readouterr()
    assert "broken could not be scored; it is left out." in told.err
    assert "10 breasts of 5 women, of all of the data set, that every model scored" in told.out
    assert "one: AUC " in told.out
    assert "  against one: " in told.out
    assert "no test, too few women" in told.out
    assert "one does not record whom it has seen" in told.out
    assert told.out.splitlines()[-1] == NOTICE
    scored = len(list_runs(runs))
    assert main([*command, *names]) == 0
    assert len(list_runs(runs)) == scored
    assert "  against one: " in capsys.readouterr().out
