import math

import numpy as np
import pytest
import torch

from mammo_core.config import BalanceConfig
from mammo_core.datasets.adapters.adapter import DENSITY
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


def test_the_root_of_balanced_weights_goes_half_the_way() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    balanced, root = (
        make_loss(labels, BalanceConfig(class_weights=name), CANCER).class_weights
        for name in ("balanced", "root")
    )
    assert balanced.tolist() == pytest.approx([0.625, 2.5])  # of one class four times the other
    assert (root[1] / root[0]).item() == pytest.approx(2.0)


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


def cumulative(probabilities: list[float], truth: int) -> float:
    loss = make_loss(np.array([truth]), BalanceConfig(), DENSITY, "cumulative")
    return loss(
        torch.tensor([probabilities]).log(), hard_targets(np.array([truth]), DENSITY)
    ).item()


def test_the_cumulative_loss_is_the_surprise_at_every_step_of_the_order() -> None:
    # Truth C: above A (0.9), above B (0.7), not above C (0.8).
    told = cumulative([0.1, 0.2, 0.5, 0.2], truth=2)
    assert told == pytest.approx(-(math.log(0.9) + math.log(0.7) + math.log(0.8)), abs=1e-6)


def test_a_class_far_off_costs_more_than_the_next_one_and_without_order_the_same() -> None:
    near, far = [0.1, 0.1, 0.7, 0.1], [0.7, 0.1, 0.1, 0.1]
    assert cumulative(far, truth=3) > cumulative(near, truth=3) + 1.0
    target = hard_targets(np.array([3]), DENSITY)
    plain = [plain_loss(DENSITY)(torch.tensor([p]).log(), target).item() for p in (near, far)]
    assert plain[0] == pytest.approx(plain[1])


def test_the_cumulative_loss_is_least_where_the_probabilities_are_the_true_shares() -> None:
    """A proper score: of images alike, six B and four D, nothing beats saying so."""
    truth = np.array([1] * 6 + [3] * 4)
    loss = make_loss(truth, BalanceConfig(), DENSITY, "cumulative")

    def told(probabilities: list[float]) -> float:
        logits = torch.tensor([probabilities]).clamp(min=1e-9).log().repeat(10, 1)
        return loss(logits, hard_targets(truth, DENSITY)).item()

    honest = told([0.0, 0.6, 0.0, 0.4])
    others = ([0.0, 0.7, 0.0, 0.3], [0.0, 0.5, 0.2, 0.3], [0.1, 0.5, 0.0, 0.4])
    assert all(honest < told(other) for other in others)


def test_the_cumulative_loss_of_a_surely_wrong_network_still_pulls() -> None:
    logits = torch.tensor([[60.0, 0.0, 0.0, -60.0]], requires_grad=True)
    target = hard_targets(np.array([3]), DENSITY)
    loss = make_loss(np.array([3]), BalanceConfig(), DENSITY, "cumulative")
    loss(logits, target).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0, 0] > 1.0


def test_rare_classes_weigh_more_in_the_cumulative_loss_too() -> None:
    labels = np.array([0, 0, 0, 3])
    loss = make_loss(labels, BalanceConfig(class_weights="balanced"), DENSITY, "cumulative")
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]] * 4).log()
    of_a = cumulative([0.4, 0.3, 0.2, 0.1], truth=0)
    of_d = cumulative([0.4, 0.3, 0.2, 0.1], truth=3)
    assert loss(logits, hard_targets(labels, DENSITY)).item() == pytest.approx(
        (3 * of_a / 3 + of_d) / 2
    )
