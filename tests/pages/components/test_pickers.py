from pathlib import Path

import pytest

from pages.components.shared.pickers import reading_models


def test_of_what_ships_women_are_read_by_the_cancer_model_unless_asked_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of drawn images Read moves on to the first that has seen such; density stands beside others,
    and what knows patches alone reads nothing.
    """
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    names = [run.run_id for run in reading_models()]
    assert names == ["rsna-mobilenetv2", "phantom-light", "rsna-density"]
