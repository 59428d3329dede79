from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import EvaluateConfig, load_settings
from mammo_core.preprocessing.phantom import write_phantom_set
from mammo_core.runs.folder import list_runs


def test_a_folder_is_found_from_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker stands somewhere else; and a slash at the end is no registered name."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    write_phantom_set(tmp_path / "set", women=1, seed=0, size=(64, 32))
    command = ["evaluate", "--checkpoint", "phantom-light", "--data", "set/", "--wait"]
    assert main(command) == 0
    (run,) = list_runs(tmp_path / "runs")
    assert load_settings(run.file("run.json"), EvaluateConfig).folder == str(tmp_path / "set")
    assert run.has_predictions
