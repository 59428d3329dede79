"""Models that tell more than two classes apart: each class against the rest, and the whole square.

A case's probabilities are the means over its images and its call is the likeliest class, of ordered
classes the median one. A case whose images have different labels, or none, is left out and counted.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.agreement import (
    Weighting,
    kappa_with_interval,
    left_out_error,
    squares_by_woman,
)
from mammo_core.metrics.cases import Cases, Pooling, pool_cases, values_of
from mammo_core.metrics.rates import f1_of
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    Estimate,
    Rate,
    auc_with_interval,
    logit_interval,
    rate_with_interval,
)
from mammo_core.scores import Recalibration, ScoreMap, called_classes, rounded, scores_of
from mammo_core.tables import class_columns, class_indices
from mammo_core.types import Level, Task

Interval = tuple[float, float]
#: Of the rarest class: a mean over classes of which one has fewer held in 81 to 93 of 100.
_FEWEST_OF_RAREST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """One class against the rest. `auc` is None where all cases, or none, are of it."""

    name: str
    sensitivity: Rate
    precision: Rate
    auc: Estimate | None
    f1_interval: tuple[float, float] | None = None  # None where no case is of it or called it

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
    women: int
    kappa_interval: tuple[float, float] | None = None
    macro_f1: float = float("nan")  # the mean over the classes that are there
    macro_f1_interval: tuple[float, float] | None = None


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
    actual = class_indices(truth[known], task)
    called = called_classes(probabilities[known], task)
    groups = pd.factorize(pooled[0].groups[known])[0]
    count = len(task.classes)
    confusion = confusion_of(actual, called, task)
    by_woman = squares_by_woman(actual, called, groups, count=count)
    kappa, kappa_interval = kappa_with_interval(by_woman, Weighting.QUADRATIC)
    macro, macro_interval = _macro_with_interval(by_woman)
    reports = [
        _report(name, actual == number, called == number, groups, pooled[number], known)
        for number, name in enumerate(task.classes)
    ]
    return ClassesReport(
        classes=task.classes,
        confusion=confusion,
        reports=tuple(reports),
        accuracy=rate_with_interval(actual == called, groups),
        kappa=kappa if task.is_ordered else None,
        left_out=int((~known).sum()),
        women=int(groups.max()) + 1,
        kappa_interval=kappa_interval if task.is_ordered else None,
        macro_f1=macro,
        macro_f1_interval=macro_interval,
    )


def confusion_of(
    actual: NDArray[np.integer], called: NDArray[np.integer], task: Task
) -> NDArray[np.intp]:
    """(truth, call): how many cases of each class are called each class."""
    count = len(task.classes)
    cells = np.bincount(actual * count + called, minlength=count**2)
    return cells.reshape(count, count).astype(np.intp)


def fit_temperature(predictions: pd.DataFrame, task: Task) -> ScoreMap:
    """The one number that makes all classes' probabilities as sure as they should be (Guo et al.
    2017), learnt on validation images; it leaves the likeliest class of each image what it was.

    A TableError where the classes are told no better than by their shares alone.
    """
    rows = predictions[predictions["label"].isin(task.classes)]
    actual = class_indices(rows["label"], task)
    logs = _logs_of(rows, task)

    def surprise(log_slope: float) -> float:
        return float(-_sharpened(logs, math.exp(log_slope))[np.arange(len(rows)), actual].mean())

    found = minimize_scalar(surprise, bounds=(-_MOST_LOG_SLOPE, _MOST_LOG_SLOPE), method="bounded")
    if not len(rows) or found.x < 0.99 - _MOST_LOG_SLOPE:
        raise TableError(
            "Among these images the probabilities of the classes tell nothing of the truth, so no "
            "temperature makes them right."
        )
    prevalence = float(np.isin(actual, task.positive_indices).mean())
    slope = math.exp(float(found.x))
    return ScoreMap(kind=Recalibration.TEMPERATURE, prevalence=prevalence, slope=slope)


def tempered(predictions: pd.DataFrame, score_map: ScoreMap, task: Task) -> pd.DataFrame:
    """`predictions` with the probabilities, and so the score, that `fit_temperature` found."""
    shares = rounded(np.exp(_sharpened(_logs_of(predictions, task), score_map.slope)))
    table = predictions.assign(score=scores_of(shares, task))
    table[class_columns(task)] = shares
    return table


_MOST_LOG_SLOPE: Final = 4.0
_LEAST_SHARE: Final = 1e-6  # stored probabilities are rounded to it


def _logs_of(predictions: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    shares = predictions[class_columns(task)].to_numpy(dtype=np.float64)
    return np.asarray(np.log(np.maximum(shares, _LEAST_SHARE)))


def _sharpened(logs: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    """Logarithms of probabilities that sum to 1."""
    return np.asarray(log_softmax(slope * logs, axis=1))


def quadratic_kappa(confusion: NDArray[np.intp]) -> float:
    """Agreement beyond chance, a mistake weighing by the square of its distance (Cohen 1968)."""
    return kappa_with_interval(confusion[None].astype(np.float64), Weighting.QUADRATIC)[0]


def f1_by_class(squares: NDArray[np.number]) -> NDArray[np.float64]:
    """(squares, classes); not a number for a class that is neither there nor called."""
    found = np.diagonal(squares, axis1=1, axis2=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * found / (squares.sum(axis=2) + squares.sum(axis=1)))


def _macro(by_class: NDArray[np.float64]) -> NDArray[np.float64]:
    is_there = np.isfinite(by_class)
    summed = np.where(is_there, by_class, 0.0).sum(axis=1)
    return np.asarray(summed / np.maximum(1, is_there.sum(axis=1)))


def _macro_with_interval(by_woman: NDArray[np.float64]) -> tuple[float, Interval | None]:
    """By leaving out one woman at a time, on the log-odds scale."""
    whole = by_woman.sum(axis=0)
    value = float(_macro(f1_by_class(whole[None]))[0])
    women_of = (by_woman.sum(axis=2) > 0).sum(axis=0)
    error = left_out_error(_macro(f1_by_class(whole - by_woman)))
    if error is None or min(women_of[women_of > 0]) < _FEWEST_OF_RAREST or not 0.0 < value < 1.0:
        return value, None
    half = float(stdtrit(len(by_woman) - 1, (1 + CONFIDENCE) / 2)) * error
    return value, logit_interval(value, half)


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
    either = is_class | is_called
    f1_interval = None
    if either.any():
        f1_interval = f1_of(rate_with_interval((is_class & is_called)[either], groups[either]))[1:]
    return ClassReport(
        name=name,
        sensitivity=rate_with_interval(is_called[is_class], groups[is_class]),
        precision=rate_with_interval(is_class[is_called], groups[is_called]),
        f1_interval=f1_interval,
        auc=auc_with_interval(one_against_rest) if 0 < is_class.sum() < len(is_class) else None,
    )
