import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mammo_core.cli import main
from mammo_core.config import BalanceConfig, DataConfig, RunConfig
from mammo_core.errors import RunError
from mammo_core.training.measuring import largest_that_fits, measure
from mammo_core.training.preflight import (
    latest_preflight,
    read_preflight,
    start_preflight,
    write_preflight,
)
from tests.phantoms import put_phantoms
from tests.training.made_up import config


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "set", women=24)
    data = DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion")
    return replace(config(epochs=5, batch_size=4), data=data, workers=1)


@pytest.mark.slow
def test_it_tells_what_will_be_seen_and_measures_what_it_takes(
    settings: RunConfig, tmp_path: Path
) -> None:
    twice = BalanceConfig(sampler="weighted", positive_weight=2.0)
    told, looks = measure(replace(settings, balance=twice), report=lambda *_: None)
    assert sum(count.women for count in told.splits) == 24
    train = told.splits[0].images
    assert told.batches_per_epoch == train // 4
    assert told.seconds == pytest.approx(told.seconds_per_batch * (train // 4) * 5)
    assert told.seconds_per_batch > 0.0
    assert told.trained_weights == told.all_weights > 100_000
    low, high = told.test_interval
    assert 0.1 < low < 0.8 < high < 1.0
    assert "corrects twice" in told.warnings[0]
    assert (looks.dtype, looks.shape) == (np.uint8, (8, 32, 16))  # two batches of four
    assert looks.max() > 50
    write_preflight(tmp_path, told, looks)
    again, images = read_preflight(tmp_path)
    assert again == told
    assert np.array_equal(images, looks)


@pytest.mark.slow
def test_a_probe_is_told_by_the_time_of_asking_the_frozen_part(settings: RunConfig) -> None:
    optim = replace(settings.optim, trained="linear", cached_variants=3, epochs=1000)
    told, _ = measure(replace(settings, optim=optim), report=lambda *_: None)
    assert told.trained_weights == 2 * 80 + 2
    assert told.seconds < 60.0  # not a thousand epochs of it


@pytest.mark.slow
def test_images_shown_again_are_counted_again(settings: RunConfig) -> None:
    once, _ = measure(settings, report=lambda *_: None)
    often = BalanceConfig(sampler="oversample", positive_share=0.75)
    told, _ = measure(replace(settings, balance=often), report=lambda *_: None)
    assert told.batches_per_epoch > once.batches_per_epoch
    (train, *_) = told.splits
    negatives = train.images - train.positive_images
    assert told.batches_per_epoch == (negatives + 3 * negatives) // 4


@pytest.mark.slow
def test_a_measurement_is_found_by_the_settings_it_was_of(
    settings: RunConfig, tmp_path: Path
) -> None:
    run = start_preflight(settings, tmp_path / "preflights")
    assert latest_preflight(settings, tmp_path / "preflights") == run
    assert latest_preflight(replace(settings, seed=1), tmp_path / "preflights") is None
    deadline = time.monotonic() + 120
    while not run.read_status().state.is_over:
        assert time.monotonic() < deadline, run.read_log(last_lines=20)
        time.sleep(0.2)
    told, looks = read_preflight(run.path)
    assert told.seconds_per_batch > 0.0
    assert len(looks) == 8


def test_what_was_never_measured_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no finished pre-flight"):
        read_preflight(tmp_path)


def test_the_batch_is_halved_until_it_fits() -> None:
    tried: list[int] = []

    def attempt(size: int) -> None:
        tried.append(size)
        if size > 5:
            raise torch.cuda.OutOfMemoryError

    assert largest_that_fits(32, attempt) == 4
    assert tried == [32, 16, 8, 4]

    def hopeless(size: int) -> None:
        raise torch.cuda.OutOfMemoryError

    assert largest_that_fits(8, hopeless) == 0


@pytest.mark.slow
def test_the_command_measures_and_starts_nothing(
    settings: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    data = ["--data", settings.data.folder, "--set", "prepare.size=[32, 16]"]
    assert main(["train", "--recipe", "smoke", *data, "--preflight"]) == 0
    told = capsys.readouterr().out
    assert "weights are trained." in told
    assert re.search(r"on these \d+ test women \(\d+ of \d+ images positive\): 95 % 0\.", told)
    assert not (tmp_path / "runs").exists()
