"""What a model card in words says of data, networks and results that it does not hold itself."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.config import PatchConfig, RunConfig, load_settings, save_settings
from mammo_core.files import shipped_checkpoints_root
from mammo_core.reports.study.model_sections import _epochs, files_in_words
from mammo_core.reports.study.report import Format, _familiar, card_text
from mammo_core.reports.study.study import RunStudy, StudyData, read_study
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from tests.predictions import made_up_card
from tests.reports.made_up_study import change_card
from tests.reports.test_study_point import lock


def study_of(run: RunFolder) -> RunStudy:
    return read_study(run, [run.path.parent], audits=run.path.parent / "audits")


def data_of(run: RunFolder) -> StudyData:
    return study_of(run).data


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


def test_the_epochs_of_networks_that_read_together_are_not_the_first_ones(
    study: RunFolder,
) -> None:
    told = study_of(study)
    assert told.card is not None
    assert told.training is not None
    record = replace(told.card.training, epochs=6, best_epoch=1)
    alone = replace(told, card=replace(told.card, training=record))
    together = replace(alone, card=replace(alone.card, model=replace(told.card.model, members=5)))
    optim = replace(told.training.optim, monitor="last")
    last = replace(together, training=replace(told.training, optim=optim))
    assert _epochs(alone, record) == "6, 1 was kept"
    assert _epochs(together, record) == "6; of each network its own was kept, chosen on validation"
    assert _epochs(last, record) == "6, the last of each network was kept"


def test_at_the_threshold_in_force_a_card_tells_women_apart_from_breasts(study: RunFolder) -> None:
    """The 24 test women, 8 with a cancer in one breast, at a threshold that calls everybody."""
    lock(study, threshold=0.0)
    root = study.path.parent
    text = card_text(study, [root], audits=root / "audits", form=Format.MARKDOWN)
    assert "| patient | own breast | 100.0 %, 8 of 8 (" in text
    assert ", 0 of 16 (" in text
    assert ", locked 1 Jan 2026, chosen on" in text


def test_a_card_tells_what_files_it_was_measured_on() -> None:
    data = made_up_card("a").data
    assert files_in_words(data) == "not stated"
    pictures = replace(data, file_kinds=("picture",))
    assert files_in_words(pictures) == "pictures; never measured on DICOM"
    assert files_in_words(replace(data, file_kinds=("DICOM", "picture"))) == "DICOMs and pictures"


def test_how_unlike_images_are_known_is_told_of_what_is_kept(study: RunFolder) -> None:
    assert _familiar(study, study_of(study)).startswith("Not kept")
    density = RunFolder(shipped_checkpoints_root() / "rsna-density")
    told = _familiar(density, study_of(density))
    assert "further from 1,074 images of 269 women that the first of its networks learnt" in told
    assert "than 99% of 275 images of 80 women" in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("rsna-mobilenetv2", ("358 of 396", "63 of 385", "AUC within each machine: 0.658")),
        (
            "rsna-density",
            (
                "156 of 171",
                "161 of 225",
                "share with C or D less",
                "## Classes",
                "| is A | 44 | 18 | 0 | 0 |",
            ),
        ),
        ("ddsm-lesions-mobilenetv2", ("pictures; never measured on DICOM",)),
    ],
)
def test_cards_that_ship_tell_by_woman_and_by_class_and_days_instead_of_times(
    name: str, told: tuple[str, ...]
) -> None:
    text = (shipped_checkpoints_root() / name / "CARD.md").read_text(encoding="utf-8")
    assert [one for one in told if one not in text] == []
    assert not re.search(r"20\d\d-\d\d-\d\dT", text)
