"""The list of published models, which pages share."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import RunState
from mammo_core.zoo.published import PUBLISHED


def draw() -> None:
    from pages.components.shared.published import show_published

    show_published()


def test_one_damaged_card_is_told_of_and_takes_nobody_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    broken = RunFolder(tmp_path / "runs" / "broken")
    broken.path.mkdir(parents=True)
    broken.card_file.write_text("{")
    broken.write_status(RunStatus(state=RunState.FINISHED))
    page = AppTest.from_function(draw, default_timeout=60).run()
    assert not page.exception
    [error] = page.error
    assert "The model card of broken" in error.value
    assert len(page.expander) == len(PUBLISHED)
