"""Table 1: who the women are, by split and by whether they have a positive image.

Of a woman is what the table tells of her first image that tells it. Every share stands with its
denominator; what is told of nobody is said to be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from mammo_core.reports.document import Table
from mammo_core.reports.study import SPLIT_NAMES, Study
from mammo_core.tables import positive_of
from mammo_core.types import Split

_NO_TRAINING: Final = (
    "Made from the predictions, which are of validation and test images only: of the women trained "
    "on, nothing more is known than the flow above tells."
)
_MOST_VALUES: Final = 10  # of a column of words; the rest is counted as "others"
_OF_WOMEN: Final = {"density": "Density", "site": "Site", "machine": "Machine"}
_OF_IMAGES: Final = {"view": "View", "side": "Side", "birads": "BI-RADS", "lesion": "Lesion"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One column of the table: the images of one split and kind of woman, and the women."""

    name: str
    images: pd.DataFrame
    women: pd.DataFrame


def table_one(study: Study) -> tuple[Table, str] | None:
    """The table, and what it lacks in a sentence; None where no image is known."""
    images, lack = _images_of(study)
    if images is None:
        return None
    known = images[images["positive"].notna()]
    if known.empty:
        return None
    columns = _columns(known)
    has_women = bool(known["patient_id"].notna().any())
    people = "Women" if has_women else "Groups of images (no patient is named)"
    rows = [
        (people, *(f"{len(column.women):,}" for column in columns)),
        ("Age in years, median (quartiles)", *(_age(column) for column in columns)),
        *_rows_of(columns, _OF_WOMEN, lambda column: column.women, unit=people.split()[0].lower()),
        ("Images", *(f"{len(column.images):,}" for column in columns)),
        ("Positive images", *(_positive(column) for column in columns)),
        ("Positive breasts", *(_breasts(column) for column in columns)),
        *_rows_of(columns, _OF_IMAGES, lambda column: column.images, unit="images"),
    ]
    header = ("", *(column.name for column in columns))
    return Table(header=header, rows=tuple(rows), caption="Table 1"), lack


def _images_of(study: Study) -> tuple[pd.DataFrame | None, str]:
    """The images that were used, `positive` beside them."""
    manifest = study.data.manifest
    if manifest is not None:
        table = manifest.assign(positive=positive_of(manifest["label"], study.task))
        if not study.is_external:
            return table[table["split"].notna()], ""
        if study.predictions is not None:
            table = table[table["image_id"].isin(study.predictions["image_id"])]
        return table.assign(split=""), ""
    if study.predictions is None:
        return None, ""
    table = study.predictions
    if study.is_external:
        return table.assign(split=""), ""
    return table, "" if (table["split"] == Split.TRAIN).any() else _NO_TRAINING


def _columns(known: pd.DataFrame) -> list[Column]:
    has_cancer = known.groupby("group_id")["positive"].transform("any").astype(bool)
    columns = []
    for split in (*Split, ""):
        of_split = known["split"].fillna("") == split
        for is_positive, words in ((True, "with a positive image"), (False, "without")):
            images = known[of_split & (has_cancer == is_positive)]
            if of_split.any():
                name = f"{SPLIT_NAMES.get(split, 'All')}, {words}"
                women = images.groupby("group_id", sort=False).first()
                columns.append(Column(name=name, images=images, women=women))
    return columns


def _age(column: Column) -> str:
    age = column.women["age"].dropna().astype("float64").to_numpy()
    if not len(age):
        return "not told"
    low, middle, high = np.percentile(age, [25, 50, 75])
    return f"{middle:.0f} ({low:.0f} to {high:.0f}), told of {len(age):,} of {len(column.women):,}"


def _positive(column: Column) -> str:
    return _share(int(column.images["positive"].sum()), len(column.images))


def _breasts(column: Column) -> str:
    """Breasts are told apart by woman, exam and side."""
    if column.images["side"].isna().any():
        return "not told"
    keys = column.images["group_id"] + "/" + column.images["exam_id"].fillna("")
    positive = column.images["positive"].groupby(keys + "/" + column.images["side"]).any()
    return _share(int(positive.sum()), len(positive))


def _rows_of(
    columns: Sequence[Column],
    names: dict[str, str],
    counted: Callable[[Column], pd.DataFrame],
    *,
    unit: str,
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for column_name, title in names.items():
        values = [_words(counted(column)[column_name]) for column in columns]
        found = pd.concat(values).value_counts()
        if set(found.index) <= {"not told"}:
            rows.append((title, *("not told" for _ in columns)))
            continue
        common = [str(name) for name in found.index if name != "not told"][:_MOST_VALUES]
        kept = [value.where(value.isin([*common, "not told"]), "others") for value in values]
        for name in (*sorted(common), "others", "not told"):
            counts = [(int((value == name).sum()), len(value)) for value in kept]
            if any(count for count, _ in counts):
                cells = (_share(count, total) for count, total in counts)
                rows.append((f"{title}: {name} ({unit})", *cells))
    return rows


def _words(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.astype("string").fillna("not told")


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,} ({count / total:.0%})" if total else "none"
