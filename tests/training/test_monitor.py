from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mammo_core.datasets.adapters.adapter import DENSITY
from mammo_core.scores import probabilities_of
from mammo_core.training.monitor import (
    Judged,
    alarms,
    best_epoch,
    has_stalled,
    judge,
)
from mammo_core.types import CANCER, Task

GOOD = Judged(
    loss=0.5, auc=0.8, threshold=0.5, sensitivity=0.8, specificity=0.8, precision=0.5,
    sensitivity_at_specificity_90=0.6, score_spread=0.2,
)  # fmt: skip


def after(*aucs: float) -> list[Judged]:
    return [replace(GOOD, auc=auc) for auc in aucs]


def losing(*losses: float) -> list[Judged]:
    return [replace(GOOD, loss=loss) for loss in losses]


def test_an_epoch_is_judged_by_image_at_its_best_threshold() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
    logits = np.log(np.stack([1 - scores, scores], axis=1)).astype(np.float32)
    labels = np.array([0, 0, 1, 0, 1])
    judged = judge(logits, labels, pd.Series(list("AABBC")), CANCER)
    assert judged.auc == pytest.approx(5 / 6)
    # Calling from 0.3 on finds both cancers and one image without: Youden 1 + 2/3 - 1. Calling
    # from 0.9 on finds one and nobody without: 1/2.
    assert judged.threshold == pytest.approx(0.3)
    assert (judged.sensitivity, judged.specificity) == (1.0, pytest.approx(2 / 3))
    assert judged.precision == pytest.approx(2 / 3)
    assert judged.sensitivity_at_specificity_90 == 0.5
    assert judged.loss == pytest.approx(-np.log([0.9, 0.8, 0.3, 0.6, 0.9]).mean())


def test_the_score_of_several_positive_classes_is_their_sum() -> None:
    task = Task(name="t", title="T", classes=("a", "b", "c"), positive=("b", "c"))
    logits = np.log([[0.5, 0.25, 0.25], [0.6, 0.4, 1e-9]]).astype(np.float32)
    assert judge(logits, np.array([1, 0]), pd.Series(["A", "B"]), task).auc == 1.0


def test_probabilities_survive_huge_logits() -> None:
    assert probabilities_of(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


def test_the_best_epoch_has_the_highest_auc_and_of_equals_the_lowest_loss() -> None:
    assert best_epoch([], "auc") == 0
    assert best_epoch(after(0.7, 0.9, 0.8), "auc") == 2
    tied = [replace(GOOD, loss=0.5), replace(GOOD, loss=0.4), replace(GOOD, loss=0.4)]
    assert best_epoch(tied, "auc") == 2
    assert best_epoch(losing(0.5, 0.3, 0.4), "loss") == 2


def test_where_no_epoch_is_chosen_the_last_is_kept_and_nothing_stalls() -> None:
    history = after(0.9, 0.8, 0.7)
    assert best_epoch(history, "last") == 3
    assert best_epoch([], "last") == 0
    assert not has_stalled(history, "last", patience=1)


def test_of_ordered_classes_kappa_may_choose_the_epoch() -> None:
    kappas = (0.2, None, 0.6, 0.5)
    history = [replace(GOOD, auc=0.9 - n / 10, kappa=k) for n, k in enumerate(kappas)]
    assert best_epoch(history, "kappa") == 3
    assert best_epoch(history, "auc") == 1
    assert has_stalled(history, "kappa", patience=1)
    assert not has_stalled(history, "kappa", patience=2)


def test_kappa_is_that_of_the_median_class() -> None:
    shares = [
        [0.4, 0.2, 0.2, 0.2],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.6, 0.4],
        [0.2, 0.0, 0.35, 0.45],
    ]
    logits = np.log(np.maximum(shares, 1e-12)).astype(np.float32)
    judged = judge(logits, np.array([1, 1, 2, 2]), pd.Series(list("ABCD")), DENSITY)
    assert judged.kappa == pytest.approx(1.0)  # the likeliest classes are A, B, C, D
    assert judged.said == (0.0, 0.5, 0.5, 0.0)
    two = judge(logits[:, :2], np.array([0, 1, 0, 1]), pd.Series(list("ABCD")), CANCER)
    assert two.kappa is None


def test_training_stalls_after_so_many_epochs_without_a_better_one() -> None:
    assert not has_stalled(after(0.7, 0.9, 0.8), "auc", patience=2)
    assert has_stalled(after(0.7, 0.9, 0.8, 0.8), "auc", patience=2)
    assert not has_stalled(after(0.9, 0.8, 0.8, 0.8, 0.8), "auc", patience=0)


def test_one_score_for_all_is_told() -> None:
    (told,) = alarms([replace(GOOD, score_spread=1e-6)], [0.5], least_sensitivity=0.0)
    assert "the same score" in told
    assert alarms([GOOD], [0.5], least_sensitivity=0.0) == []


def test_learning_by_heart_is_told_and_a_mere_wobble_is_not() -> None:
    falling = [0.5, 0.4, 0.3, 0.2, 0.1]
    (told,) = alarms(losing(0.6, 0.5, 0.6, 0.7, 0.8), falling, least_sensitivity=0.0)
    assert "by heart" in told
    assert alarms(losing(0.6, 0.5, 0.52, 0.55, 0.58), falling, least_sensitivity=0.0) == []
    stuck = [0.5, 0.5, 0.5, 0.5, 0.5]
    assert alarms(losing(0.6, 0.5, 0.6, 0.7, 0.8), stuck, least_sensitivity=0.0) == []


def test_too_low_a_sensitivity_is_told() -> None:
    (told,) = alarms([GOOD], [0.5], least_sensitivity=0.7)
    assert "0.60, below the 0.70 asked" in told


def test_one_class_said_to_all_is_told_with_how_many() -> None:
    logits = np.tile(np.array([[2.0, 1.0]], np.float32), (40, 1))
    logits[:, 1] += np.linspace(0.0, 0.5, 40)  # scores differ, and still all are one class
    judged = judge(logits, np.array([0, 1] * 20), pd.Series(map(str, range(40))), CANCER)
    assert judged.said == (1.0, 0.0)
    (told, *_) = alarms([judged], [0.5], least_sensitivity=0.0)
    assert "40 of 40 are called 'no cancer', which 20 are" in told
    assert judged.threshold is not None
    above = probabilities_of(logits)[:, 1] >= judged.threshold - 1e-6  # counted by hand
    assert judged.called == pytest.approx(above.mean())
