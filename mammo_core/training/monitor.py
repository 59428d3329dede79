"""What an epoch came to on validation, and what should worry the one who watches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mammo_core.config import Monitor
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.collapse import call_collapse, collapse_in_words, shares_of
from mammo_core.metrics.multiclass import confusion_of, quadratic_kappa
from mammo_core.metrics.threshold import operating_point, threshold_for_specificity, youden
from mammo_core.metrics.uncertainty import auc_of
from mammo_core.scores import called_classes, called_in_words, probabilities_of, scores_of
from mammo_core.training.losses import hard_targets, plain_loss
from mammo_core.types import Level, Task

SPECIFICITY: Final = 0.90
_COLLAPSED_SPREAD: Final = 1e-4
_OVERFIT_RISE: Final = 1.2
_OVERFIT_EPOCHS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Validation after an epoch, by image. The threshold is the best on these very images, so
    what stands at it flatters; what may be reported is measured on the test women, at the end.
    """

    loss: float
    auc: float
    threshold: float | None  # None where nobody is to be called
    sensitivity: float
    specificity: float
    precision: float | None
    sensitivity_at_specificity_90: float
    score_spread: float
    said: tuple[float, ...] = ()  # the share of images each class is called of
    called: float | None = None  # the share of images called at the threshold
    collapse: str = ""  # where nearly all images are called alike and should not be
    kappa: float | None = None  # quadratic, of ordered classes


Judge = Callable[[NDArray[np.float32]], Judged]


def judge(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    groups: "pd.Series[Any]",
    task: Task,
) -> Judged:
    """Loss and rates of these logits; `groups` are the women the images are of."""
    positive = np.isin(labels, task.positive_indices)
    probabilities = probabilities_of(logits)
    score = scores_of(probabilities, task)
    cases = Cases(
        level=Level.IMAGE,
        rule=Pooling.MAX,
        case_ids=tuple(map(str, range(len(score)))),
        groups=pd.factorize(groups)[0],
        positive=positive,
        score=score,
        images=np.ones(len(score), dtype=np.intp),
    )
    point = operating_point(cases, youden(cases).threshold)
    calls = called_classes(probabilities, task)
    how = f"taking the {called_in_words(task)} of each validation image"
    collapses = [collapse_in_words(calls, labels, task.classes, how=how)]
    if np.isfinite(point.threshold):
        collapses.append(call_collapse(cases, point.threshold))
    loss = plain_loss(task)(torch.from_numpy(logits.copy()), hard_targets(labels, task))
    return Judged(
        loss=loss.item(),
        auc=auc_of(score, positive),
        threshold=point.threshold if np.isfinite(point.threshold) else None,
        sensitivity=point.sensitivity,
        specificity=point.specificity,
        precision=point.ppv if point.called else None,
        sensitivity_at_specificity_90=threshold_for_specificity(cases, SPECIFICITY).sensitivity,
        score_spread=float(score.std()),
        said=tuple(map(float, shares_of(calls, len(task.classes)))),
        called=point.called / len(cases),
        collapse=" ".join(filter(None, collapses)),
        kappa=quadratic_kappa(confusion_of(labels, calls, task)) if task.is_ordered else None,
    )


def best_epoch(history: Sequence[Judged], monitor: Monitor) -> int:
    """The epoch, from 1, whose weights are kept; 0 before the first. Of equals the lower loss."""
    if monitor == "last":
        return len(history)

    def merit(epoch: int) -> tuple[float, float, int]:
        judged = history[epoch - 1]
        value = {"auc": judged.auc, "kappa": judged.kappa}.get(monitor)
        known = -np.inf if value is None or not np.isfinite(value) else value
        return known, -judged.loss, -epoch

    return max(range(1, len(history) + 1), key=merit, default=0)


def has_stalled(history: Sequence[Judged], monitor: Monitor, patience: int) -> bool:
    """Whether `patience` epochs have passed since the best one."""
    return patience > 0 and len(history) - best_epoch(history, monitor) >= patience


def alarms(
    history: Sequence[Judged], train_losses: Sequence[float], *, least_sensitivity: float
) -> list[str]:
    """Sentences about the latest epoch that whoever watches should read."""
    if not history:
        return []
    latest = history[-1]
    told = []
    if latest.score_spread < _COLLAPSED_SPREAD:
        told.append("Every image gets the same score: the network says one class to all.")
    elif latest.collapse:
        told.append(latest.collapse)
    if _is_overfitting(history, train_losses):
        told.append(
            f"Validation loss has risen to {latest.loss:.2f} from {_lowest(history):.2f} while "
            "training loss still falls: the network learns these women by heart."
        )
    if latest.sensitivity_at_specificity_90 < least_sensitivity:
        told.append(
            f"Sensitivity at specificity {SPECIFICITY:.2f} is "
            f"{latest.sensitivity_at_specificity_90:.2f}, below the {least_sensitivity:.2f} asked."
        )
    return told


def _is_overfitting(history: Sequence[Judged], train_losses: Sequence[float]) -> bool:
    lowest = _lowest(history)
    waited = len(history) - 1 - [judged.loss for judged in history].index(lowest)
    has_fallen = len(train_losses) > waited > 0 and train_losses[-1] < train_losses[-1 - waited]
    is_higher = history[-1].loss > _OVERFIT_RISE * lowest
    return waited >= _OVERFIT_EPOCHS and is_higher and has_fallen


def _lowest(history: Sequence[Judged]) -> float:
    return min(judged.loss for judged in history)
