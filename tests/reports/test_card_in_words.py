"""What a model card in words says of data, networks and results that it does not hold itself."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.config import PatchConfig, RunConfig, load_settings, save_settings
from mammo_core.files import shipped_checkpoints_root
from mammo_core.reports.study.study import StudyData, read_study
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from tests.reports.made_up_study import change_card


def data_of(run: RunFolder) -> StudyData:
    return read_study(run, [run.path.parent], audits=run.path.parent / "audits").data


@pytest.mark.parametrize("name", ["rsna-mobilenetv2", "ddsm-lesions-mobilenetv2"])
def test_of_a_checkpoint_that_ships_no_folder_is_missed(name: str) -> None:
    told = data_of(RunFolder(shipped_checkpoints_root() / name))
    assert told.why_missing == (
        "The images are not shipped; what is said of them comes from the model card and what is "
        "kept beside it."
    )


def test_images_of_which_patches_were_learnt_may_all_hold_a_lesion(
    study: RunFolder, study_folder: Path
) -> None:
    manifest = study_folder / "manifest.csv"
    pd.read_csv(manifest).assign(label="cancer").to_csv(manifest, index=False)
    card = read_card(study.file("model_card.json"))
    assert "Every split needs both classes" in data_of(study).why_missing
    change_card(study, replace(card, patches=PatchConfig()))
    config = load_settings(study.file("run.json"), RunConfig)
    save_settings(replace(config, patches=PatchConfig()), study.file("run.json"))
    told = data_of(study)
    assert told.why_missing.startswith("The model learnt patches of these images")
    assert told.manifest is None
    assert told.title
