from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mammo_core.config import (
    BalanceConfig,
    DataConfig,
    ModelConfig,
    OptimConfig,
    PrepareSettings,
    RunConfig,
    load_settings,
    save_settings,
)
from mammo_core.datasets.adapters.adapter import DENSITY
from mammo_core.errors import ConfigError


@pytest.fixture
def config() -> RunConfig:
    return RunConfig(
        data=DataConfig(folder="phantoms", adapter="phantoms", label_rule="lesion"),
        model=ModelConfig(backbone="light_cnn"),
        prepare=PrepareSettings(size=(256, 128), percentiles=(1.0, 99.0)),
    )


def test_settings_survive_the_disk(tmp_path: Path, config: RunConfig) -> None:
    save_settings(config, tmp_path / "run.json")
    assert load_settings(tmp_path / "run.json", RunConfig) == config


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"seed": 0', '"sead": 0', "Unknown setting sead in run.json. Known: augment, "),
        ('"seed": 0', '"seed": "x"', "run.json, seed must be int, found 'x'"),
        ('"seed": 0', '"seed": true', "run.json, seed must be int, found True"),
        ('"device": "auto"', '"device": "tpu"', "device is 'tpu'; allowed: auto, cpu, cuda"),
        ('"schema_version": 1', '"schema_version": 9', "schema version 9; this program reads 1"),
        ('"folder": "phantoms",', "", "run.json, data lacks folder"),
        ("{", "", "not valid JSON"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, config: RunConfig, old: str, new: str, complaint: str
) -> None:
    path = tmp_path / "run.json"
    save_settings(config, path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=complaint):
        load_settings(path, RunConfig)


def test_every_problem_is_told_at_once(config: RunConfig) -> None:
    wrong = RunConfig(
        data=config.data,
        model=ModelConfig(backbone="light_cnn", dropout=1.5),
        optim=OptimConfig(epochs=2, batch_size=0, warmup_epochs=5),
    )
    with pytest.raises(ConfigError) as caught:
        wrong.check()
    assert str(caught.value).splitlines() == [
        "Dropout is 1.5; it must be at least 0 and below 1.",
        "Batch size is 0; it must be at least 1.",
        "Warm-up lasts 5 epochs but the run only 2.",
    ]


@pytest.mark.parametrize("setting", [{"loss": "cumulative"}, {"monitor": "kappa"}])
def test_what_goes_by_order_is_refused_where_classes_have_none(
    config: RunConfig, setting: dict[str, Any]
) -> None:
    asked = replace(config, optim=OptimConfig(**setting))
    (name,) = setting
    with pytest.raises(ConfigError) as caught:
        asked.check()
    assert f"optim.{name}={setting[name]} goes by the order of classes" in str(caught.value)
    assert "(no cancer, cancer)" in str(caught.value)
    replace(asked, task=DENSITY).check()


def test_seeds_below_0_are_refused_by_name(config: RunConfig) -> None:
    asked = replace(config, seed=-1, data=replace(config.data, split_seed=-3))
    with pytest.raises(ConfigError) as caught:
        asked.check()
    assert "Split seed is -3" in str(caught.value)
    assert "Seed is -1; it must be at least 0." in str(caught.value)


def test_a_focal_cumulative_loss_is_refused(config: RunConfig) -> None:
    asked = replace(
        config,
        task=DENSITY,
        optim=OptimConfig(loss="cumulative"),
        balance=BalanceConfig(focal_gamma=2.0),
    )
    with pytest.raises(ConfigError, match=r"Set balance\.focal_gamma to 0"):
        asked.check()
