from dataclasses import replace

import numpy as np
import pytest
import torch

from mammo_core.config import AugmentConfig, BalanceConfig, PrepareSettings, RunConfig
from mammo_core.training.batches import (
    EvaluationBatches,
    TrainingBatches,
    normalise,
    read_ahead,
    send,
)
from tests.training.made_up import CONFIG, config, squares

CPU = torch.device("cpu")


def training(
    count: int, settings: RunConfig, *, rank: int = 0, processes: int = 1
) -> TrainingBatches:
    return TrainingBatches(
        images=squares(count), config=settings, device=CPU, rank=rank, processes=processes
    )


def test_evaluation_sees_every_image_once_in_order() -> None:
    batches = EvaluationBatches(images=squares(7), config=config(batch_size=3), device=CPU)
    said = [targets.argmax(dim=1).tolist() for _, targets in batches.epoch(0)]
    assert said == [[0, 1, 0], [1, 0, 1], [0]]
    assert len(batches) == 3


def test_training_leaves_a_smaller_last_batch_out() -> None:
    batches = training(7, config(batch_size=3))
    assert [len(targets) for _, targets in batches.epoch(1)] == [3, 3]
    assert len(batches) == 2


def test_a_set_smaller_than_a_batch_still_trains() -> None:
    assert [len(said) for _, said in training(2, config(batch_size=3)).epoch(1)] == [2]


def test_an_epoch_is_the_same_twice_and_another_epoch_is_not() -> None:
    batches = training(6, config(batch_size=3))
    first, again, other = (
        torch.cat([inputs for inputs, _ in batches.epoch(number)]) for number in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_processes_see_together_what_one_alone_would() -> None:
    alone = training(16, config(batch_size=8))
    two = [training(16, config(batch_size=8), rank=rank, processes=2) for rank in (0, 1)]
    for (whole, _), (even, _), (odd, _) in zip(
        alone.epoch(3), two[0].epoch(3), two[1].epoch(3), strict=True
    ):
        torch.testing.assert_close(whole[0::2], even)
        torch.testing.assert_close(whole[1::2], odd)


def test_a_copy_of_an_image_gets_a_look_of_its_own() -> None:
    still = AugmentConfig(flip=0.0, rotation_degrees=0.0, zoom=0.0, shift=0.0, brightness=0.0)
    settings = replace(
        config(batch_size=40),
        augment=replace(still, contrast=0.5),
        balance=BalanceConfig(sampler="oversample", positive_share=0.75),
    )
    images = squares(20)
    images = replace(images, labels=np.where(np.arange(20) == 1, 1, 0))  # one positive image
    batches = TrainingBatches(images=images, config=settings, device=CPU)
    ((inputs, targets),) = batches.epoch(1)
    darkest = inputs.flatten(1).min(dim=1).values[targets[:, 1] == 1]
    assert len(darkest) > 15
    assert darkest.unique().numel() == len(darkest)


@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_targets_are_mixed_only_where_that_is_asked(mixup: float) -> None:
    settings = replace(CONFIG, augment=AugmentConfig(mixup=mixup))
    said = torch.cat([targets for _, targets in training(16, settings).epoch(1)])
    torch.testing.assert_close(said.sum(dim=1), torch.ones(16))
    is_hard = bool(((said == 0.0) | (said == 1.0)).all())
    assert is_hard == (mixup == 0.0)


def test_three_channels_are_each_normalised_by_their_own_mean_and_std() -> None:
    settings = PrepareSettings(channels=3, mean=(0.0, 0.5, 0.25), std=(1.0, 0.5, 0.125))
    grey = torch.tensor([[[[0.5, 0.25]]]])
    expected = torch.tensor([[[[0.5, 0.25]], [[0.0, -0.5]], [[2.0, 0.0]]]])
    assert torch.equal(normalise(grey, settings), expected)
    pairs = normalise(grey.expand(2, -1, -1, -1)[None], settings)
    assert torch.equal(pairs, expected.expand(2, -1, -1, -1)[None])
    one = PrepareSettings(mean=(0.449,), std=(0.226,))
    images = torch.rand(4, 1, 8, 8)
    assert torch.equal(normalise(images, one), (images - torch.tensor(0.449)) / torch.tensor(0.226))


def test_numbers_that_stay_where_they_are_are_there_at_once() -> None:
    numbers = torch.arange(3)
    sent = send(numbers, CPU)
    assert sent.here() is numbers
    assert sent.arrived is None


def test_reading_ahead_keeps_the_order_and_passes_on_a_failure() -> None:
    assert list(read_ahead(lambda number: number * number, 4)) == [0, 1, 4, 9]

    def fail(number: int) -> int:
        if number == 2:
            raise OSError("gone")
        return number

    reader = read_ahead(fail, 4)
    assert [next(reader), next(reader)] == [0, 1]
    with pytest.raises(OSError, match="gone"):
        next(reader)
