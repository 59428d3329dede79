"""Scores beside the truth: the predictions table that metrics, plots and thresholds read."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.files import replace_file
from mammo_core.tables import check_predictions, class_columns, positive_of, read_table
from mammo_core.types import Task

#: Probabilities are rounded before anything is computed from them, so that what the card says is
#: what the file gives.
DECIMALS: Final = 6


def predictions_table(
    manifest: pd.DataFrame,
    probabilities: NDArray[np.floating],
    *,
    task: Task,
    dataset: str,
    model_id: str,
    engine: str,
) -> pd.DataFrame:
    """One row per image of `manifest`; `probabilities` is (images, classes)."""
    rounded = np.round(probabilities.astype(np.float64), DECIMALS)
    score = rounded[:, list(task.positive_indices)].sum(axis=1)
    table = manifest.drop(columns="path").reset_index(drop=True)
    table = table.assign(
        dataset=dataset,
        model_id=model_id,
        engine=engine,
        positive=positive_of(table["label"], task),
        score=np.clip(np.round(score, DECIMALS), 0.0, 1.0),
    )
    table[class_columns(task)] = rounded
    return check_predictions(table)


def with_score(table: pd.DataFrame, score: NDArray[np.float64], task: Task) -> pd.DataFrame:
    """`table` with another score, which its classes share as they shared the old one."""
    old = table["score"].to_numpy(dtype=np.float64)
    rescaled = table.assign(score=score)
    positives = len(task.positive)
    for name, column in zip(task.classes, class_columns(task), strict=True):
        is_positive = name in task.positive
        whole, new = (old, score) if is_positive else (1.0 - old, 1.0 - score)
        among = positives if is_positive else len(task.classes) - positives
        equal = np.full(len(table), 1.0 / among)  # of nothing, every class had as much
        part = table[column].to_numpy(dtype=np.float64)
        rescaled[column] = new * np.divide(part, whole, out=equal, where=whole > 0.0)
    return rescaled


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Columns that are empty throughout are left out; reading puts them back."""
    replace_file(path, table.dropna(axis=1, how="all").to_csv(index=False, lineterminator="\n"))


def read_predictions(path: Path) -> pd.DataFrame:
    return check_predictions(read_table(path, what="predictions table"))
