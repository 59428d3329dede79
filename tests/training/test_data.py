"""From a folder of images to batches that are what reading will feed the network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mammo_core.config import DataConfig, PrepareSettings
from mammo_core.errors import TableError
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.data import left_out_in_words, load_dataset, load_images
from mammo_core.types import Split
from tests.phantoms import put_phantoms
from tests.quick import some_slow
from tests.training.made_up import CONFIG


@pytest.fixture
def phantoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "set", women=24)
    return tmp_path / "set"


def config_for(folder: Path, channels: int = 1):  # type: ignore[no-untyped-def]
    data = DataConfig(folder=str(folder), adapter="phantom_set", label_rule="lesion")
    look = PrepareSettings(
        size=(32, 16), channels=channels, mean=(0.4, 0.5, 0.6)[:channels], std=(0.2,) * channels
    )
    return replace(CONFIG, data=data, prepare=look, workers=1)


@pytest.mark.parametrize("channels", some_slow([1, 3], quick=1))
def test_training_feeds_a_network_what_reading_will_feed_it(phantoms: Path, channels: int) -> None:
    config = config_for(phantoms, channels)
    dataset = load_dataset(config)
    told: list[tuple[int, int, str]] = []
    images = load_images(
        dataset, config, report=lambda *said: told.append(said), should_stop=lambda: False
    )
    test = images[Split.TEST]
    batches = EvaluationBatches(images=test, config=config, device=torch.device("cpu"))
    fed = torch.cat([inputs for inputs, _ in batches.epoch(0)])
    expected = [
        prepare(read_mammogram(phantoms / path), config.prepare).pixels
        for path in test.manifest["path"]
    ]
    np.testing.assert_allclose(fed.numpy(), np.stack(expected), atol=1e-6)
    said = torch.cat([targets for _, targets in batches.epoch(0)])
    assert said.argmax(dim=1).tolist() == test.labels.tolist()
    assert [config.task.classes[i] for i in test.labels] == test.manifest["label"].tolist()
    assert told[-1] == (96, 96, "Preparing images: 96 of 96")


def test_no_woman_is_on_two_sides(phantoms: Path) -> None:
    config = config_for(phantoms)
    images = load_images(
        load_dataset(config), config, report=lambda *_: None, should_stop=lambda: False
    )
    women = [set(images[split].manifest["group_id"]) for split in Split]
    assert sum(map(len, women)) == len(set.union(*women)) == 24


@pytest.mark.slow
def test_an_unreadable_image_is_named(phantoms: Path) -> None:
    config = config_for(phantoms)
    dataset = load_dataset(config)
    (phantoms / dataset.manifest["path"][0]).write_bytes(b"no picture")
    with pytest.raises(TableError, match=r"1 of 96 images cannot be read \(first: W"):
        load_images(dataset, config, report=lambda *_: None, should_stop=lambda: False)


def test_a_stop_while_images_are_prepared_leaves_nothing_to_train_on(phantoms: Path) -> None:
    config = config_for(phantoms)
    dataset = load_dataset(config)
    assert load_images(dataset, config, report=lambda *_: None, should_stop=lambda: True) == {}


@pytest.mark.slow
def test_nothing_is_said_to_be_left_out_where_the_test_images_choose_the_epoch(
    phantoms: Path,
) -> None:
    """They are then both the test and the validation images, and counted once."""
    config = config_for(phantoms)
    data = replace(config.data, unit="image", is_test_validation=True, is_leak_allowed=True)
    config = replace(config, data=data)
    dataset = load_dataset(config)
    images = load_images(dataset, config, report=lambda *said: None, should_stop=lambda: False)
    assert len(images[Split.VAL]) == len(images[Split.TEST]) > 0
    assert left_out_in_words(dataset, images) == ""
