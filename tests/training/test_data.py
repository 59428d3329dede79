from pathlib import Path

import numpy as np
import pytest
import torch

from mammo_core.config import AugmentConfig, PrepareSettings
from mammo_core.datasets.reading import read_dataset
from mammo_core.errors import TableError
from mammo_core.preprocessing.phantom import write_phantom_set
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.read import read_mammogram
from mammo_core.training.data import Batches, image_set, read_images
from mammo_core.types import CANCER
from tests.training.made_up import SMALL, squares


def batches(count: int, *, batch_size: int, is_training: bool) -> Batches:
    return Batches(
        images=squares(count),
        prepare=SMALL,
        batch_size=batch_size,
        device=torch.device("cpu"),
        augmentation=AugmentConfig() if is_training else None,
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_training_feeds_a_network_what_reading_will_feed_it(tmp_path: Path, channels: int) -> None:
    write_phantom_set(tmp_path, women=1, seed=0, size=(64, 32))
    settings = PrepareSettings(
        size=(32, 16), channels=channels, mean=(0.4, 0.5, 0.6)[:channels], std=(0.2,) * channels
    )
    dataset = read_dataset(tmp_path)
    manifest = dataset.manifest.assign(split="test")
    told: list[tuple[int, int]] = []
    grey = read_images(
        tmp_path, manifest, settings, threads=2, report=lambda *done: told.append(done)
    )
    images = image_set(manifest, grey, task=CANCER, split="test")
    fed = Batches(images=images, prepare=settings, batch_size=4, device=torch.device("cpu"))
    ((batch, labels),) = fed.epoch(0)
    expected = [
        prepare(read_mammogram(tmp_path / path), settings).pixels for path in manifest["path"]
    ]
    np.testing.assert_allclose(batch.numpy(), np.stack(expected), atol=1e-4)
    assert labels.tolist() == [CANCER.classes.index(label) for label in manifest["label"]]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_evaluation_sees_every_image_once_in_order() -> None:
    labels = [label for _, labels in batches(7, batch_size=3, is_training=False).epoch(0)
              for label in labels.tolist()]  # fmt: skip
    assert labels == [0, 1, 0, 1, 0, 1, 0]


def test_training_leaves_a_smaller_last_batch_out() -> None:
    training = batches(7, batch_size=3, is_training=True)
    assert [len(labels) for _, labels in training.epoch(1)] == [3, 3]
    assert len(training) == 2


def test_a_set_smaller_than_a_batch_still_trains() -> None:
    assert [len(labels) for _, labels in batches(2, batch_size=3, is_training=True).epoch(1)] == [2]


def test_an_epoch_is_the_same_twice_and_another_epoch_is_not() -> None:
    training = batches(6, batch_size=3, is_training=True)
    first, again, other = (
        torch.cat([images for images, _ in training.epoch(number)]) for number in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    write_phantom_set(tmp_path, women=1, seed=0, size=(64, 32))
    manifest = read_dataset(tmp_path).manifest
    (tmp_path / manifest["path"][0]).write_bytes(b"no picture")
    with pytest.raises(TableError, match=f"Image {manifest['image_id'][0]} cannot be read"):
        read_images(tmp_path, manifest, SMALL, threads=1, report=lambda *_: None)


def test_a_split_without_images_is_refused(tmp_path: Path) -> None:
    write_phantom_set(tmp_path, women=1, seed=0, size=(64, 32))
    manifest = read_dataset(tmp_path).manifest.assign(split="train")
    with pytest.raises(TableError, match="no labelled images in the val split"):
        image_set(manifest, np.zeros((4, 32, 16), np.uint16), task=CANCER, split="val")
