"""Baselines beside a run: what a network must beat, fitted on the same split."""

from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.config import DataConfig, RunConfig, save_settings
from mammo_core.datasets.predictions import read_predictions
from mammo_core.runs.folder import BASELINES_NAME, RunFolder
from mammo_core.training.baselines import baselines_of, try_baselines
from mammo_core.training.data import load_dataset
from mammo_core.types import Split
from tests.phantoms import put_phantoms
from tests.training.made_up import CONFIG


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "set", women=12)
    data = DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion")
    made = RunFolder(tmp_path / "run")
    made.path.mkdir()
    save_settings(replace(CONFIG, data=data), made.file("run.json"))
    return made


def fit(run: RunFolder, *, is_stopped: bool = False) -> str:
    return baselines_of(run, report=lambda *_: None, should_stop=lambda: is_stopped)


def test_baselines_score_the_images_that_the_run_is_judged_on(
    run: RunFolder, tmp_path: Path
) -> None:
    config = replace(
        CONFIG,
        data=DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion"),
    )
    assert "baselines score its images, too." in fit(run)
    table = read_predictions(run.file(BASELINES_NAME))
    manifest = load_dataset(config).manifest
    judged = set(manifest.loc[manifest["split"] != Split.TRAIN, "image_id"])
    for name, part in table.groupby("model_id"):
        assert set(part["image_id"]) == judged, name
    assert {"baseline: majority", "baseline: grey levels", "baseline: pixels"} <= set(
        table["model_id"]
    )


@pytest.mark.slow
def test_a_second_run_of_the_same_split_reads_no_image_again(
    run: RunFolder, tmp_path: Path
) -> None:
    fit(run)
    seen: list[int] = []
    baselines_of(run, report=lambda done, *_: seen.append(done), should_stop=lambda: False)
    assert seen == []


def test_a_training_ends_well_where_its_baselines_cannot_be_fitted(
    run: RunFolder, tmp_path: Path
) -> None:
    config = RunConfig(
        data=DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion"),
        model=CONFIG.model,
    )
    dataset = load_dataset(config)
    one_class = replace(dataset, manifest=dataset.manifest.assign(label="no cancer"))
    told = try_baselines(run, one_class, config, report=lambda *_: None, should_stop=lambda: False)
    assert told.startswith("Its baselines could not be fitted: ")
    assert "two classes to train on" in told
    assert not run.file(BASELINES_NAME).exists()


def test_a_stop_while_images_are_read_leaves_no_half_table(run: RunFolder, tmp_path: Path) -> None:
    config = replace(
        CONFIG,
        data=DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion"),
    )
    told = try_baselines(
        run, load_dataset(config), config, report=lambda *_: None, should_stop=lambda: True
    )
    assert "Stopped on request" in told
    assert not run.file(BASELINES_NAME).exists()
