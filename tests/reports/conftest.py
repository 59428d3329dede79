from pathlib import Path

import pytest

from mammo_core.runs.folder import RunFolder
from tests.reports.made_up_study import write_data_set, write_study


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    return write_data_set(tmp_path / "women")


@pytest.fixture
def study(tmp_path: Path, study_folder: Path) -> RunFolder:
    """The run of a made-up training, its data set still there."""
    return write_study(tmp_path / "runs", study_folder)
