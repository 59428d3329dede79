"""A data set in numbers: how much of each column is told, and how its values fall by class."""

from typing import Any, Final

import pandas as pd

from mammo_core.tables import MANIFEST_COLUMNS, positive_of
from mammo_core.types import Task

CLASSES: Final = ("positive", "not positive", "no label")
_MOST_VALUES: Final = 12  # of a column of words; the rest is counted as "others"
_BINS: Final = 10


def told_columns(manifest: pd.DataFrame) -> pd.DataFrame:
    """`column, images, share`: in how many images each column of the contract is told."""
    told = manifest[list(MANIFEST_COLUMNS)].notna().sum()
    return pd.DataFrame(
        {"column": told.index, "images": told.to_numpy(), "share": told.to_numpy() / len(manifest)}
    )


def counts_by(manifest: pd.DataFrame, column: str, task: Task) -> pd.DataFrame:
    """Images by value of `column` and by class: `value`, then one column for each of CLASSES."""
    values = _in_bins(manifest[column])
    label = positive_of(manifest["label"], task).map({True: CLASSES[0], False: CLASSES[1]})
    counted = pd.crosstab(values, label.astype("string").fillna(CLASSES[2]))
    return counted.reindex(columns=list(CLASSES), fill_value=0).rename_axis("value").reset_index()


def _in_bins(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_VALUES:
        cut = pd.cut(values.astype("float64"), _BINS, precision=0)
        ends = [f"{interval.left:.0f} to {interval.right:.0f}" for interval in cut.cat.categories]
        values = cut.cat.rename_categories(ends).astype("string")
    words = values.astype("string")
    common = words.value_counts().index[:_MOST_VALUES]
    return words.where(words.isin(common) | words.isna(), "others").fillna("not told")
