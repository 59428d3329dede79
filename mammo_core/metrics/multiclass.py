"""Models that tell more than two classes apart: each class against the rest, and the whole square.

A case's probabilities are the means over its images and its call is the likeliest class. A case
whose images have different labels, or none, is left out and counted.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases, Pooling, pool_cases, values_of
from mammo_core.metrics.uncertainty import Estimate, Rate, auc_with_interval, rate_with_interval
from mammo_core.tables import class_columns
from mammo_core.types import Level, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """One class against the rest. `auc` is None where all cases, or none, are of it."""

    name: str
    sensitivity: Rate
    precision: Rate
    auc: Estimate | None

    @property
    def f1(self) -> float:
        found = self.sensitivity.count
        whole = self.sensitivity.total + self.precision.total
        return 2 * found / whole if whole else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassesReport:
    """`confusion[truth, call]` counts cases; `kappa` is quadratic, for ordered classes only."""

    classes: tuple[str, ...]
    confusion: NDArray[np.intp]
    reports: tuple[ClassReport, ...]
    accuracy: Rate
    kappa: float | None
    left_out: int


def has_classes(predictions: pd.DataFrame, task: Task) -> bool:
    return len(task.classes) > 2 and set(class_columns(task)) <= set(predictions.columns)


def report_classes(predictions: pd.DataFrame, task: Task, level: Level) -> ClassesReport:
    """Every class of `task` among the cases of `level`."""
    missing = [name for name in class_columns(task) if name not in predictions.columns]
    if missing:
        raise TableError(f"These predictions lack {', '.join(missing)}, one column per class.")
    everything = predictions.assign(positive=True)  # any label will do: no case is left out here
    pooled = [
        pool_cases(
            everything.assign(score=predictions[name].astype("float64")), level, Pooling.MEAN
        )
        for name in class_columns(task)
    ]
    probabilities = np.stack([cases.score for cases in pooled], axis=1)
    truth = values_of(predictions, pooled[0], "label")
    known = truth.isin(task.classes).to_numpy()
    if not known.any():
        raise TableError("No case has one known class, so the classes cannot be judged.")
    actual = np.array([task.classes.index(name) for name in truth[known]])
    called = probabilities[known].argmax(axis=1)
    groups = pd.factorize(pooled[0].groups[known])[0]
    count = len(task.classes)
    confusion = np.bincount(actual * count + called, minlength=count**2).reshape(count, count)
    return ClassesReport(
        classes=task.classes,
        confusion=confusion.astype(np.intp),
        reports=tuple(
            _report(name, actual == number, called == number, groups, pooled[number], known)
            for number, name in enumerate(task.classes)
        ),
        accuracy=rate_with_interval(actual == called, groups),
        kappa=quadratic_kappa(confusion) if task.is_ordered else None,
        left_out=int((~known).sum()),
    )


def quadratic_kappa(confusion: NDArray[np.intp]) -> float:
    """Agreement beyond chance, a mistake weighing by the square of its distance (Cohen 1968)."""
    count = len(confusion)
    rank = np.arange(count)
    weight = (rank[:, None] - rank[None, :]) ** 2 / max(1, (count - 1) ** 2)
    expected = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / confusion.sum()
    by_chance = float((weight * expected).sum())
    return 1 - float((weight * confusion).sum()) / by_chance if by_chance else float("nan")


def _report(
    name: str,
    is_class: NDArray[np.bool_],
    is_called: NDArray[np.bool_],
    groups: NDArray[np.intp],
    pooled: Cases,
    known: NDArray[np.bool_],
) -> ClassReport:
    one_against_rest = replace(
        pooled,
        case_ids=tuple(np.array(pooled.case_ids, dtype=object)[known]),
        groups=groups,
        positive=is_class,
        score=pooled.score[known],
        images=pooled.images[known],
    )
    return ClassReport(
        name=name,
        sensitivity=rate_with_interval(is_called[is_class], groups[is_class]),
        precision=rate_with_interval(is_class[is_called], groups[is_called]),
        auc=auc_with_interval(one_against_rest) if 0 < is_class.sum() < len(is_class) else None,
    )
