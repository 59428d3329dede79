"""What mammo_core offers to other programs: listed, described, lazy, and used by the notebook."""

import inspect
import json
import re
import subprocess
import sys

import pytest

import mammo_core
from mammo_core.files import REPOSITORY
from tests.predictions import made_up_predictions

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


def test_names_are_told_as_they_are_called_and_say_what_they_do() -> None:
    told = (REPOSITORY / "docs" / "library.md").read_text(encoding="utf-8")
    called = re.findall(r"^\| `(\w+)\(([\w, ]+)\)` \|", told, re.M)
    assert len(called) >= 15
    for name, words in called:
        inspect.signature(getattr(mammo_core, name)).bind(**dict.fromkeys(words.split(", ")))
    assert [name for name in mammo_core.__all__ if not getattr(mammo_core, name).__doc__] == []


def test_two_models_are_compared_by_public_names_alone() -> None:
    tables = [made_up_predictions(skill=skill, seed=seed) for skill, seed in ((2.0, 1), (1.0, 2))]
    breasts = [mammo_core.pool_cases(table, mammo_core.Level.BREAST) for table in tables]
    better, worse = mammo_core.share_cases([breasts[0], breasts[1]]).cases
    difference = mammo_core.auc_difference(better, worse)
    assert difference.cases == 120
    assert difference.low <= difference.value <= difference.high
    aucs = [mammo_core.auc_with_interval(cases).value for cases in (better, worse)]
    assert difference.value == pytest.approx(aucs[0] - aucs[1])


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
