"""What mammo_core offers to other programs: listed, described, lazy, and used by the notebook."""

import json
import subprocess
import sys

import pytest

import mammo_core
from mammo_core.files import REPOSITORY

NOTEBOOK = REPOSITORY / "docs" / "notebook.ipynb"


def code_of_the_notebook() -> list[str]:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells)
    return ["".join(cell["source"]) for cell in cells]


def test_every_public_name_is_there_and_told_of() -> None:
    told = (REPOSITORY / "docs" / "library.md").read_text(encoding="utf-8")
    names = [name for name in mammo_core.__all__ if name != "__version__"]
    assert len(names) >= 20
    for name in names:
        assert getattr(mammo_core, name).__name__ == name
        assert f"`{name}" in told
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mammo_core.nothing  # noqa: B018


def test_importing_it_costs_nothing() -> None:
    code = (
        "import sys, mammo_core; dir(mammo_core); "
        "sys.exit(bool({'torch', 'numpy', 'pandas'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_the_notebook_runs_and_says_what_the_card_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = code_of_the_notebook()
    assert sum(len(cell.splitlines()) for cell in cells) <= 30
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile(cell, NOTEBOOK.name, "exec"), names)
    said = capsys.readouterr().out
    card = mammo_core.find_checkpoint("rsna-mobilenetv2").card()
    (metric,) = [one for one in card.metrics if one.level is mammo_core.Level.BREAST]
    assert metric.low is not None
    assert f"AUC {metric.value:.3f} (95 % {metric.low:.3f} to {metric.high:.3f})" in said
    assert said.count(": score 0.") == 4
