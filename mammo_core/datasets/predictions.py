"""Scores beside the truth: the predictions table that metrics, plots and thresholds read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.files import replace_file
from mammo_core.runs.card import ModelCard, SplitCount
from mammo_core.runs.naming import last_name
from mammo_core.runs.sidecars import same_content
from mammo_core.scores import rounded, scores_of
from mammo_core.tables import check_predictions, class_columns, positive_of, read_table
from mammo_core.types import Split, Task
from mammo_core.words import many


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
    table = manifest.drop(columns="path").reset_index(drop=True)
    table = table.assign(
        dataset=dataset,
        model_id=model_id,
        engine=engine,
        positive=positive_of(table["label"], task),
        score=scores_of(probabilities, task),
    )
    table[class_columns(task)] = rounded(probabilities)
    return check_predictions(table)


def sets_of(tables: Sequence[pd.DataFrame]) -> list[str]:
    """What the data set of each of these predictions is called: one name for one set, whatever each
    table calls it, and two for two. The files of the images decide (`content`, as in seen.csv);
    where they are not known, the last name does, and a table that names no set has "".
    """
    first: list[int] = []  # a table of each set
    found: list[int] = []
    for table in tables:
        places = [place for place, at in enumerate(first) if _is_one_set(tables[at], table)]
        if not places:
            first.append(len(found))
        found.append(places[0] if places else len(first) - 1)
    names: list[str] = []
    for at in first:
        name = _name_of_set(tables[at])
        while name in names:
            name += " (other images)"
        names.append(name)
    return [names[place] for place in found]


def _is_one_set(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    is_same = same_content(one, other)
    return _name_of_set(one) == _name_of_set(other) if is_same is None else is_same


def _name_of_set(table: pd.DataFrame) -> str:
    return ", ".join(sorted({last_name(name) for name in table["dataset"].dropna().unique()}))


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
    """The table of scores and labels in a CSV, or a TableError that says what is wrong with it."""
    return check_predictions(read_table(path, what="predictions table"))


def differs_from_card(predictions: pd.DataFrame, card: ModelCard) -> str | None:
    """What a checkpoint's own `predictions` lack or have beyond its `card`, in a sentence; None
    where they agree, or where one of them does not tell splits.
    """
    if predictions["split"].isna().all():
        return None
    scored = [count for count in card.data.splits if count.split != Split.TRAIN]
    differences = [
        f"{count.split}: {_in_words(found)} here, {_in_words(count)} in the card"
        for count in scored
        for found in (_counted(predictions, count.split),)
        if found != count
    ]
    if not differences:
        return None
    return (
        "The predictions kept here are not those the model card counts "
        f"({'; '.join(differences)}). The file was cut short or changed: put back a "
        "whole predictions.csv, and trust none of these results until then."
    )


def _counted(predictions: pd.DataFrame, split: Split) -> SplitCount:
    is_of_split = (predictions["split"] == split).fillna(value=False)
    rows = predictions[is_of_split & predictions["positive"].notna()]
    return SplitCount(
        split=split,
        women=int(rows["group_id"].nunique()),
        images=len(rows),
        positive_images=int(rows["positive"].sum()),
    )


def _in_words(count: SplitCount) -> str:
    images = many(count.images, "image", "images")
    women = many(count.women, "woman", "women")
    return f"{images} of {women}, {count.positive_images:,} positive"
