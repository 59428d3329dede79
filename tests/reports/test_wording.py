import dataclasses
from pathlib import Path

import pytest

from mammo_core.config import (
    AugmentConfig,
    BalanceConfig,
    DataConfig,
    ModelConfig,
    OptimConfig,
    PrepareSettings,
)
from mammo_core.reports.study.report import Format, study_text
from mammo_core.reports.wording import SETTING_NAMES, device_in_words, settings_in_words
from mammo_core.runs.folder import RunFolder
from tests.predictions import made_up_card

SETTINGS = (AugmentConfig, BalanceConfig, DataConfig, ModelConfig, OptimConfig, PrepareSettings)


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_setting_has_a_name_for_readers(kind: type) -> None:
    names = {field.name for field in dataclasses.fields(kind)}
    assert names <= set(SETTING_NAMES)


def test_a_setting_is_told_in_words() -> None:
    told = dict(settings_in_words(PrepareSettings(has_clahe=True), "size"))
    assert told["Local contrast equalised (CLAHE)"] == "yes"
    assert "Height and width in pixels" not in told


def test_a_device_is_told_in_words() -> None:
    record = made_up_card("a").training
    assert device_in_words(record) == "the processor (CPU)"
    on_two = dataclasses.replace(record, device="cuda", devices=2)
    assert device_in_words(on_two) == "2 GPUs (cuda)"


@pytest.mark.slow
def test_a_report_has_no_names_for_programs_and_no_marks_of_another_form(
    study: RunFolder,
) -> None:
    root = study.path.parent
    text = study_text(study, [root], audits=root, form=Format.HTML, by="a test", now="2026-01-09")
    words = text.split("<script>")[0]
    for raw in ("is leak allowed", "has clahe", "`mammo audit`", "Site site", "1 of cpu"):
        assert raw not in words
    assert "Site: site 1 (women)" in words


@pytest.mark.slow
def test_a_data_set_that_is_gone_is_told_of_once(study: RunFolder, study_folder: Path) -> None:
    study_folder.rename(study_folder.with_name("elsewhere"))
    root = study.path.parent
    text = study_text(study, [root], audits=root, form=Format.MARKDOWN, by="t", now="2026-01-09")
    assert text.count("cannot be read any more") == 1
