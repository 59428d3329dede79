"""Behind a frozen front, training on kept features is training on images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError
from mammo_core.training.balance import Order, epoch_order
from mammo_core.training.batches import EvaluationBatches, TrainingBatches
from mammo_core.training.features import (
    Halves,
    StoppedError,
    cut,
    keep_evaluation,
    keep_training,
)
from mammo_core.training.network import Network, make_network
from tests.training.made_up import CONFIG, config, squares

CPU = torch.device("cpu")


def nothing(done: int, total: int) -> None:
    """Nobody listens."""


def never() -> bool:
    return False


def halved(settings: RunConfig) -> tuple[Network, Halves]:
    network = make_network(settings, CPU)
    is_linear = settings.optim.trained == "linear"
    return network, cut(network.classifier, network.still, network.example, is_linear=is_linear)


@pytest.mark.parametrize(
    "settings",
    [
        config(trained="linear", cached_variants=2, batch_size=4),
        config(trained="last_stages", last_stages=0, cached_variants=2, batch_size=4),
        config(trained="last_stages", last_stages=2, cached_variants=2, batch_size=4),
    ],
    ids=["linear", "head", "two stages"],
)
def test_the_back_on_kept_features_says_what_the_whole_says_of_the_images(
    settings: RunConfig, tmp_path: Path
) -> None:
    network, halves = halved(settings)
    source = TrainingBatches(images=squares(10), config=settings, device=CPU)
    kept = keep_training(
        halves.front, source, tmp_path / "t", variants=2, report=nothing, should_stop=never
    )
    network.classifier.eval()
    halves.back.eval()
    assert len(kept) == len(source) == 2
    for epoch, variant in ((1, 0), (2, 1), (3, 0)):
        rows = np.arange(10)
        order = Order(rows=rows, copies=0 * rows)
        images, _ = source.look(order, source.stored(rows), epoch=variant)
        with torch.no_grad():
            whole = network.classifier(images)
            told = torch.cat([halves.back(inputs) for inputs, _ in kept.epoch(epoch)])
        shown = epoch_order(
            source.is_positive, settings.balance, seed=settings.seed, epoch=epoch, batch_size=4
        )
        torch.testing.assert_close(told, whole[shown.rows[:8]], atol=0.01, rtol=0.01)


def test_evaluation_on_kept_features_is_in_order(tmp_path: Path) -> None:
    settings = config(trained="linear", cached_variants=1, batch_size=4)
    network, halves = halved(settings)
    source = EvaluationBatches(images=squares(10), config=settings, device=CPU)
    kept = keep_evaluation(halves.front, source, tmp_path / "v", report=nothing, should_stop=never)
    network.classifier.eval()
    halves.back.eval()
    with torch.no_grad():
        whole = torch.cat([network.classifier(images) for images, _ in source.epoch(0)])
        told = torch.cat([halves.back(inputs) for inputs, _ in kept.epoch(0)])
    torch.testing.assert_close(told, whole, atol=0.01, rtol=0.01)


def test_a_network_that_cannot_be_cut_is_refused_in_words() -> None:
    model = replace(CONFIG.model, backbone="timm:test_vit", pooling="avg")
    settings = replace(config(trained="last_stages", last_stages=1, cached_variants=1), model=model)
    settings = replace(settings, prepare=replace(settings.prepare, size=(64, 32)))
    with pytest.raises(ConfigError, match="cannot be cut where it is frozen"):
        halved(settings)


def test_what_is_trained_behind_the_cut_is_trained_in_the_whole() -> None:
    network, halves = halved(config(trained="last_stages", last_stages=1, cached_variants=1))
    back = dict(halves.back.named_parameters())
    trained = {n for n, p in network.classifier.named_parameters() if p.requires_grad}
    assert trained == {name for name, parameter in back.items() if parameter.requires_grad}
    for name in trained:
        assert back[name] is network.classifier.get_parameter(name)


def test_a_stop_is_seen_while_features_are_made(tmp_path: Path) -> None:
    settings = config(trained="linear", cached_variants=50, batch_size=4)
    _, halves = halved(settings)
    source = TrainingBatches(images=squares(10), config=settings, device=CPU)
    told: list[int] = []
    with pytest.raises(StoppedError):
        keep_training(
            halves.front,
            source,
            tmp_path / "t",
            variants=50,
            report=lambda done, total: told.append(done),
            should_stop=lambda: len(told) == 2,
        )
    assert told == [4, 8]
