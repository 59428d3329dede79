import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mammo_core.files import shipped_checkpoints_root
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


def trained(root: Path, name: str, task: dict[str, Any] | None = None, *, members: int) -> None:
    """A run with the card of what ships, changed; nothing is read with it."""
    folder = root / name
    folder.mkdir()
    for file in ("model_card.json", "run.json", "status.json"):
        shutil.copyfile(shipped_checkpoints_root() / "rsna-mobilenetv2" / file, folder / file)
    card = json.loads((folder / "model_card.json").read_text(encoding="utf-8"))
    card["model"]["members"] = members
    card["task"] |= task or {}
    (folder / "model_card.json").write_text(
        json.dumps({**card, "model_id": name}), encoding="utf-8"
    )


def test_a_fold_and_a_model_of_something_else_are_not_read_with_unless_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    birads = {"name": "birads", "classes": ["1", "5"], "positive": ["5"]}
    trained(tmp_path, "20261201-120000-resnet18-fold", members=1)
    trained(tmp_path, "20261202-120000-resnet18-birads", birads, members=5)
    trained(tmp_path, "all-folds", members=5)
    names = [run.run_id for run in reading_models()]
    assert names[:2] == ["all-folds", "rsna-mobilenetv2"]
    assert names.index("20261201-120000-resnet18-fold") < names.index("phantom-light")
    assert names.index("20261202-120000-resnet18-birads") < names.index("phantom-light")
