"""Image by image: right or wrong at a threshold, and in which order images are looked at."""

from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd


class Outcome(StrEnum):
    FOUND = "found"
    MISSED = "missed"
    FALSE_ALARM = "false alarm"
    LEFT_ALONE = "left alone"

    @property
    def is_right(self) -> bool:
        return self in (Outcome.FOUND, Outcome.LEFT_ALONE)


class Order(StrEnum):
    WORST = "worst first"
    BEST = "best first"
    HIGHEST = "highest score first"
    RANDOM = "random"


def outcomes_at(predictions: pd.DataFrame, threshold: float) -> "pd.Series[Any]":
    """Per row its Outcome; missing where the truth is not known."""
    called = predictions["score"] >= threshold
    positive = predictions["positive"].astype("boolean")
    outcome = pd.Series(pd.NA, index=predictions.index, dtype="string")
    for is_positive, is_called, name in (
        (True, True, Outcome.FOUND),
        (True, False, Outcome.MISSED),
        (False, True, Outcome.FALSE_ALARM),
        (False, False, Outcome.LEFT_ALONE),
    ):
        is_so = (positive == is_positive).fillna(value=False) & (called == is_called)
        outcome[is_so] = str(name)
    return outcome


def in_order(
    predictions: pd.DataFrame, order: Order, *, threshold: float, seed: int
) -> pd.DataFrame:
    """The rows as they are to be looked at; those of unknown truth come last.

    Worst is furthest on the wrong side of `threshold`, best furthest on the right one.
    """
    rows = predictions.sort_values("image_id")
    if order is Order.RANDOM:
        return rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    if order is Order.HIGHEST:
        return rows.sort_values("score", ascending=False, kind="stable")
    towards = rows["positive"].map({True: -1.0, False: 1.0}).astype("Float64")
    wrong = (rows["score"] - threshold) * towards
    by_wrong = wrong.sort_values(ascending=order is Order.BEST, kind="stable", na_position="last")
    return rows.loc[by_wrong.index]
