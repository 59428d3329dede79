"""What a card counted again is held by, on the folder of a model that ships."""

import shutil
from pathlib import Path

import pandas as pd

from mammo_core.files import shipped_checkpoints_root
from mammo_core.runs.folder import BASELINES_NAME, RunFolder
from mammo_core.shipping.recount import compare


def test_a_guess_that_was_changed_is_told(tmp_path: Path) -> None:
    kept = RunFolder(shipped_checkpoints_root() / "phantom-light")
    found = RunFolder(tmp_path / kept.run_id)
    shutil.copytree(kept.path, found.path, ignore=shutil.ignore_patterns("*.safetensors", "*.zip"))
    figures = list(compare(kept, found, has_heatmaps=True))
    assert all(one.is_same for one in figures)

    guesses = pd.read_csv(found.file(BASELINES_NAME))
    own = guesses["model_id"].eq("baseline: grey levels") & guesses["split"].eq("test")
    best = guesses[own & guesses["positive"]]["score"].idxmax()
    guesses.loc[best, ["score", "p_cancer", "p_no cancer"]] = [0.0, 0.0, 1.0]
    guesses.to_csv(found.file(BASELINES_NAME), index=False)
    others = [one for one in compare(kept, found, has_heatmaps=True) if not one.is_same]
    assert others
    assert {one.name.split(" by ")[0] for one in others} == {"baseline: grey levels"}
    assert any(one.name == "baseline: grey levels by image: value" for one in others)
