"""Class collapse: nearly every case called one class although the truth is mixed.

A network may rank well and still say one class to all; accuracy on few cases hides it. Told is
only what chance does not explain and what the truth does not ask for, so a small split, or one
nearly all of whose cases are of one class, stays quiet.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtr

from mammo_core.metrics.cases import Cases
from mammo_core.scores import called_classes, called_in_words
from mammo_core.tables import class_columns, class_indices
from mammo_core.types import Task

#: Of the cases; called one class, they are called alike.
NEARLY_ALL: Final = 0.95
#: Of the cases; with fewer of other classes, saying one class to all is nearly right.
MIXED_FROM: Final = 0.20
#: How seldom a caller who gives the other classes their true share would give them so few. With a
#: third of the cases of other classes that takes 18 cases, with half of them 10.
_CHANCE: Final = 1e-3


def shares_of(calls: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    """The share of each of `count` classes; nothing but zeros where there are no cases."""
    counts = np.bincount(calls, minlength=count)
    return np.asarray(counts / max(1, len(calls)), dtype=np.float64)


def is_collapsed(calls: NDArray[np.integer], actual: NDArray[np.integer], count: int) -> bool:
    """Whether nearly all `calls` are of one of `count` classes, and `actual` ones are not."""
    said, true = shares_of(calls, count), shares_of(actual, count)
    most = int(said.argmax())
    others, other_calls = 1.0 - float(true[most]), int(np.sum(calls != most))
    if said[most] < NEARLY_ALL or others < MIXED_FROM:
        return False
    return bool(bdtr(other_calls, len(calls), others) <= _CHANCE)


def collapse_in_words(
    calls: NDArray[np.integer], actual: NDArray[np.integer], names: Sequence[str], *, how: str
) -> str:
    """A sentence where the calls have collapsed onto one class, else ""; `how` they were made."""
    if not is_collapsed(calls, actual, len(names)):
        return ""
    said = shares_of(calls, len(names))
    most = int(said.argmax())
    never = [name for name, share in zip(names, said, strict=True) if share == 0.0]
    left = f" Never called: {', '.join(never)}." if never and len(names) > 2 else ""
    return (
        f"Collapsed onto one class: {how}, {int(np.sum(calls == most)):,} of {len(calls):,} are "
        f"called {names[most]!r}, which {int(np.sum(actual == most)):,} are.{left}"
    )


def class_collapse(predictions: pd.DataFrame, task: Task) -> str:
    """Of the classes called in a predictions table, by image; "" also where no class is told."""
    columns = class_columns(task)
    if not set(columns) <= set(predictions.columns):
        return ""
    rows = predictions[predictions["label"].isin(task.classes)]
    if rows.empty:
        return ""
    return collapse_in_words(
        called_classes(rows[columns].to_numpy(dtype=np.float64), task),
        class_indices(rows["label"], task),
        task.classes,
        how=f"taking the {called_in_words(task)} of each image",
    )


def call_collapse(cases: Cases, threshold: float) -> str:
    """Of what is called at `threshold`: nearly every case, or hardly any."""
    called = (cases.score >= threshold).astype(np.intp)
    if not is_collapsed(called, cases.positive.astype(np.intp), 2):
        return ""
    count = int(called.sum())
    few = "hardly any" if count < len(cases) / 2 else "nearly every"
    return (
        f"The threshold {threshold:.4f} calls {few} {cases.level}: {count:,} of {len(cases):,}, "
        f"of which {cases.positives:,} are positive."
    )
