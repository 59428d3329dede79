import math

import numpy as np
import pytest
import torch

from mammo_core.config import BalanceConfig
from mammo_core.training.losses import hard_targets, make_loss, plain_loss, soft_targets
from mammo_core.types import CANCER, Task

#: Probabilities 0.8 / 0.2 and 0.4 / 0.6; the truth is class 0, then class 1.
LOGITS = torch.tensor([[0.8, 0.2], [0.4, 0.6]]).log()
LABELS = np.array([0, 1])
FOUR = Task(name="f", title="F", classes=("a", "b", "c", "d"), positive=("c", "d"))


def test_the_plain_loss_is_the_mean_surprise() -> None:
    expected = -(math.log(0.8) + math.log(0.6)) / 2
    assert plain_loss(CANCER)(LOGITS, hard_targets(LABELS, CANCER)).item() == pytest.approx(
        expected
    )


def test_balanced_weights_make_both_classes_count_the_same() -> None:
    loss = make_loss(np.array([0, 0, 0, 1]), BalanceConfig(class_weights="balanced"), CANCER)
    assert loss.class_weights.tolist() == pytest.approx([4 / 6, 2.0])
    weighted = -(4 / 6 * math.log(0.8) + 2.0 * math.log(0.6)) / (4 / 6 + 2.0)
    assert loss(LOGITS, hard_targets(LABELS, CANCER)).item() == pytest.approx(weighted)


def test_a_positive_weight_weighs_every_positive_class() -> None:
    loss = make_loss(np.array([0, 1]), BalanceConfig(positive_weight=3.0), FOUR)
    assert loss.class_weights.tolist() == [1.0, 1.0, 3.0, 3.0]


def test_focal_loss_makes_light_of_what_is_right_already() -> None:
    loss = make_loss(LABELS, BalanceConfig(focal_gamma=2.0), CANCER)
    expected = -(0.2**2 * math.log(0.8) + 0.4**2 * math.log(0.6)) / 2
    assert loss(LOGITS, hard_targets(LABELS, CANCER)).item() == pytest.approx(expected)


def test_only_positives_are_softened_where_that_is_asked() -> None:
    targets = soft_targets(LABELS, BalanceConfig(positive_smoothing=0.1), CANCER)
    assert targets.flatten().tolist() == pytest.approx([1.0, 0.0, 0.1, 0.9])


def test_smoothing_is_shared_out_among_the_other_classes() -> None:
    targets = soft_targets(np.array([2]), BalanceConfig(label_smoothing=0.3), FOUR)
    assert targets[0].tolist() == pytest.approx([0.1, 0.1, 0.7, 0.1])
    assert hard_targets(np.array([2]), FOUR)[0].tolist() == [0.0, 0.0, 1.0, 0.0]


def test_half_precision_logits_are_judged_in_full() -> None:
    loss = plain_loss(CANCER)(LOGITS.half(), hard_targets(LABELS, CANCER))
    assert loss.dtype == torch.float32
