from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from mammo_core.config import BalanceConfig, ModelConfig, RunConfig
from mammo_core.errors import RunError
from mammo_core.metrics.uncertainty import auc_of
from mammo_core.training.batches import EvaluationBatches, TrainingBatches
from mammo_core.training.data import ImageSet
from mammo_core.training.loop import Average, EpochResult, Lesson, fit, make_learner, predict_logits
from mammo_core.training.losses import make_loss
from mammo_core.training.monitor import Judged, judge
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier
from tests.training.made_up import config, squares

CPU = torch.device("cpu")


def network() -> Classifier:
    torch.manual_seed(0)
    model = ModelConfig(backbone="light_cnn", pooling="max", dropout=0.2)
    return build_model(model, task=CANCER, channels=1)


def evaluation(images: ImageSet, settings: RunConfig) -> EvaluationBatches:
    return EvaluationBatches(images=images, config=settings, device=CPU)


def run(
    model: Classifier,
    settings: RunConfig,
    *,
    batches_until_stop: int = 10**6,
    watch: Callable[[float], None] = lambda rate: None,
    group: int = 0,
) -> list[EpochResult]:
    fabric = Fabric(accelerator="cpu", devices=1)
    train, val = squares(48), squares(16, seed=1)
    groups = val.manifest["group_id"]
    lesson = Lesson(
        train=TrainingBatches(images=train, config=settings, device=CPU),
        val=evaluation(val, settings),
        loss=make_loss(train.labels, settings.balance, CANCER),
        judge=lambda logits: judge(logits, val.labels, groups, CANCER),
        seed=settings.seed,
    )
    results: list[EpochResult] = []
    history: list[Judged] = []
    learner, asked = make_learner(fabric, model, settings.optim), iter(range(1, 10**6))

    def should_stop() -> bool:
        watch(learner.optimizer.param_groups[group]["lr"])  # that of the last step
        return next(asked) >= batches_until_stop

    fit(
        fabric,
        learner,
        settings.optim,
        lesson,
        history=history,
        report=results.append,
        keep=lambda: None,
        should_stop=should_stop,
    )
    assert [result.judged for result in results] == history
    return results


@pytest.mark.parametrize(
    "settings",
    [
        config(epochs=8, learning_rate=3e-3),
        pytest.param(config(epochs=8, learning_rate=3e-3, ema_decay=0.9), marks=pytest.mark.slow),
        pytest.param(
            config(epochs=8, learning_rate=0.02, optimizer="sgd", schedule="one_cycle"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            config(epochs=8, learning_rate=3e-3, optimizer="adam", batch_size=4, accumulate=2),
            marks=pytest.mark.slow,
        ),
        replace(
            config(epochs=8, learning_rate=3e-3),
            balance=BalanceConfig(sampler="oversample", focal_gamma=1.0, positive_smoothing=0.1),
        ),
    ],
    ids=["plain", "average", "sgd, one cycle", "accumulated", "balanced, focal"],
)
def test_it_learns_to_tell_a_bright_square_from_none(settings: RunConfig) -> None:
    model = network()
    results = run(model, settings)
    held_out = squares(32, seed=2)
    logits = predict_logits(None, model, evaluation(held_out, settings))
    assert [result.epoch for result in results] == list(range(1, 9))
    assert results[-1].train_loss < results[0].train_loss
    assert results[-1].judged.auc > 0.9
    assert auc_of(logits[:, 1].astype(float), held_out.labels == 1) > 0.9


def test_accumulated_half_batches_step_like_whole_ones_where_nothing_norms() -> None:
    """conv2 has no BatchNorm and these targets weigh alike, so the gradients add up exactly."""
    torch.manual_seed(0)
    whole = build_model(ModelConfig(backbone="conv2"), task=CANCER, channels=1)
    torch.manual_seed(0)
    halves = build_model(ModelConfig(backbone="conv2"), task=CANCER, channels=1)
    run(whole, config(epochs=1, batch_size=8, warmup_epochs=0, optimizer="sgd"))
    run(halves, config(epochs=1, batch_size=4, accumulate=2, warmup_epochs=0, optimizer="sgd"))
    for one, other in zip(whole.parameters(), halves.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_average_lags_behind_and_the_networks_own_weights_come_back() -> None:
    model = network()
    average = Average(model, decay=0.5)
    weight = next(model.parameters())
    before = weight.detach().clone()
    with torch.no_grad():
        weight += 1.0
    average.update()  # the first step's decay is 2 / 11, however large the one asked for
    with average.in_place():
        torch.testing.assert_close(weight.detach(), before + 1.0 - 2 / 11)
    torch.testing.assert_close(weight.detach(), before + 1.0)


def test_the_average_takes_in_what_the_norms_have_measured() -> None:
    """Averaged weights beside the statistics of others would be a network nobody trained."""
    model = network()
    norm = next(module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d))
    average = Average(model, decay=0.5)
    norm.running_mean += 1.1  # type: ignore[operator]
    average.update()  # 9 / 11 of the way
    with average.in_place():
        torch.testing.assert_close(norm.running_mean, torch.full((16,), 0.9))
    torch.testing.assert_close(norm.running_mean, torch.full((16,), 1.1))


def test_batches_left_over_by_accumulation_weigh_as_much_as_others() -> None:
    """Three batches, two to a step: the third makes a step of its own, and a whole one."""
    one, other = (build_model(ModelConfig(backbone="conv2"), task=CANCER, channels=1) for _ in "ab")
    other.load_state_dict(one.state_dict())
    plain = config(batch_size=16, optimizer="sgd", momentum=0.0, warmup_epochs=0, clip_norm=0.0)
    plain = replace(plain, optim=replace(plain.optim, epochs=1, schedule="constant"))
    run(one, replace(plain, optim=replace(plain.optim, accumulate=4, learning_rate=0.5)))
    run(other, replace(plain, optim=replace(plain.optim, accumulate=3, learning_rate=0.5)))
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_stop_is_seen_after_the_batch_and_the_epoch_is_not_reported() -> None:
    model = network()
    before = [parameter.clone() for parameter in model.parameters()]
    assert run(model, config(epochs=5), batches_until_stop=1) == []
    changed = [
        not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)
    ]
    assert any(changed)  # the one batch was finished


def test_training_ends_early_where_nothing_gets_better() -> None:
    frozen = config(epochs=50, learning_rate=1e-12, patience=2, warmup_epochs=0, weight_decay=0.0)
    model = network()
    for module in model.modules():  # nothing may move: no averages either
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    results = run(model, frozen)
    assert len(results) == 3  # the first is the best, two more do not beat it


def test_the_same_seed_gives_the_same_weights_to_the_bit() -> None:
    first, second = network(), network()
    run(first, config(epochs=2))
    run(second, config(epochs=2))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_loss_that_is_no_number_ends_the_run_in_words() -> None:
    model = network()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(RunError, match="The loss has become nan by batch 6 of epoch 1"):
        run(model, config(epochs=1))


def test_norms_and_biases_are_not_decayed() -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    learner = make_learner(fabric, network(), config(weight_decay=0.3).optim)
    decays = {
        group["weight_decay"]: {parameter.ndim for parameter in group["params"]}
        for group in learner.optimizer.param_groups
    }
    assert decays == {0.3: {2, 4}, 0.0: {1}}
    assert np.isclose(learner.optimizer.param_groups[0]["lr"], 1e-3)


def test_every_step_has_the_rate_of_its_place_in_the_schedule() -> None:
    """Two epochs of three steps, all of them warm-up: a sixth of the rate more at each."""
    settings = config(epochs=2, warmup_epochs=2, learning_rate=0.6, batch_size=8, accumulate=2)
    rates: list[float] = []
    run(network(), settings, watch=rates.append)
    assert rates == pytest.approx([0.6, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5, 0.6])


def test_the_last_layer_may_learn_at_a_rate_of_its_own() -> None:
    """Five times that of the rest, at every step."""
    settings = config(head_rate=5.0, epochs=1, warmup_epochs=0)
    rates: list[tuple[bool, float]] = []
    fabric, model = Fabric(accelerator="cpu", devices=1), network()
    learner = make_learner(fabric, model, settings.optim)
    last = {id(parameter) for parameter in model.trunk.fc.parameters()}
    for group in learner.optimizer.param_groups:
        of_last = [id(parameter) in last for parameter in group["params"]]
        assert all(of_last) or not any(of_last)
        rates.append((any(of_last), group["times"]))
    assert {rate for is_last, rate in rates if is_last} == {5.0}
    assert {rate for is_last, rate in rates if not is_last} == {1.0}
    first: list[float] = []
    final: list[float] = []
    run(network(), settings, watch=first.append)
    run(network(), settings, watch=final.append, group=len(rates) - 1)
    assert final[1:] == pytest.approx([5.0 * rate for rate in first[1:]])
