import pytest
import torch
from lightning_fabric import Fabric

from mammo_core.config import AugmentConfig, ModelConfig, OptimConfig
from mammo_core.errors import RunError
from mammo_core.metrics.auc import auc_of
from mammo_core.training.data import Batches, ImageSet
from mammo_core.training.loop import EpochResult, fit, predict_logits
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier
from tests.training.made_up import SMALL, squares

CPU = torch.device("cpu")


def network() -> Classifier:
    torch.manual_seed(0)
    return build_model(ModelConfig(backbone="light_cnn", pooling="max"), task=CANCER, channels=1)


def batches(images: ImageSet, *, is_training: bool) -> Batches:
    return Batches(
        images=images,
        prepare=SMALL,
        batch_size=8,
        device=CPU,
        augmentation=AugmentConfig() if is_training else None,
    )


def run(
    model: Classifier, optim: OptimConfig, *, batches_until_stop: int = 10**6
) -> list[EpochResult]:
    results: list[EpochResult] = []
    asked = iter(range(1, 10**6))
    fit(
        Fabric(accelerator="cpu", devices=1),
        model,
        optim,
        train=batches(squares(48), is_training=True),
        val=batches(squares(16, seed=1), is_training=False),
        report=results.append,
        should_stop=lambda: next(asked) >= batches_until_stop,
    )
    return results


def test_it_learns_to_tell_a_bright_square_from_none() -> None:
    model = network()
    results = run(model, OptimConfig(epochs=8, learning_rate=3e-3))
    held_out = squares(32, seed=2)
    logits = predict_logits(model, batches(held_out, is_training=False))
    assert [result.epoch for result in results] == list(range(1, 9))
    assert results[-1].train_loss < results[0].train_loss
    assert auc_of(logits[:, 1].astype(float), held_out.labels == 1) > 0.95


def test_validation_is_what_the_network_says_of_the_validation_images() -> None:
    model = network()
    (result,) = run(model, OptimConfig(epochs=1, warmup_epochs=0))
    val = batches(squares(16, seed=1), is_training=False)
    torch.testing.assert_close(
        torch.from_numpy(result.val_logits), torch.from_numpy(predict_logits(model, val))
    )


def test_a_stop_is_seen_after_the_batch_and_the_epoch_is_not_reported() -> None:
    model = network()
    before = [parameter.clone() for parameter in model.parameters()]
    assert run(model, OptimConfig(epochs=5), batches_until_stop=1) == []
    changed = [
        not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)
    ]
    assert any(changed)  # the one batch was finished


def test_the_same_seed_gives_the_same_weights_to_the_bit() -> None:
    first, second = network(), network()
    run(first, OptimConfig(epochs=2))
    run(second, OptimConfig(epochs=2))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_loss_that_is_no_number_ends_the_run_in_words() -> None:
    model = network()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(RunError, match="The loss is nan at step 1 of epoch 1"):
        run(model, OptimConfig(epochs=1))
