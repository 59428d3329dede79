"""A folder of images with a table beside it: the way to bring one's own data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import Adapter, LabelRule, Population, Signs, Tables
from mammo_core.datasets.adapters.layout import SIDES, empty_boxes, look_for, read_rows, require
from mammo_core.tables import check_boxes, read_table, shape_manifest
from mammo_core.types import CANCER, Level

MANIFEST_NAME: Final = "manifest.csv"
BOXES_NAME: Final = "boxes.csv"

AS_WRITTEN: Final = LabelRule(
    name="as-written",
    title="The label column as written: cancer or no cancer, or 1 or 0.",
    task=CANCER,
)

_SPLITS: Final = {"training": "train", "valid": "val", "validation": "val"}
_LABELS: Final = {"0": "no cancer", "1": "cancer"}


def recognise(folder: Path) -> Signs:
    return look_for(folder, MANIFEST_NAME)


def read(folder: Path, rule: LabelRule) -> Tables:
    """The tables of `folder`; sides, views and splits spelled as in the contract.

    The table is anybody's, so that one row is one image is not yet certain: whoever trains checks
    it, and the audit looks into it.
    """
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = read_rows(folder / MANIFEST_NAME, columns=("path",))
    if "image_id" not in table:
        table = table.assign(image_id=table["path"])
    return Tables(manifest=shape_manifest(_spelled_out(table)), boxes=read_boxes(folder))


def read_boxes(folder: Path) -> pd.DataFrame:
    """The boxes beside a manifest; none is a table without rows."""
    path = folder / BOXES_NAME
    if not path.exists():
        return empty_boxes()
    return check_boxes(read_table(path, what="table of boxes"))


def _spelled_out(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    words: Mapping[str, Mapping[str, str]] = {"split": _SPLITS, "label": _LABELS}
    codes: Mapping[str, Mapping[str, str]] = {"side": SIDES, "view": {}}
    for name, spellings in words.items():
        if name in table:
            table[name] = _respelled(table[name].str.lower(), spellings)
    for name, spellings in codes.items():
        if name in table:
            table[name] = _respelled(table[name].str.upper(), spellings)
    return table


def _respelled(column: "pd.Series[Any]", spellings: Mapping[str, str]) -> "pd.Series[Any]":
    return column.map(lambda value: spellings.get(value, value), na_action="ignore")


ADAPTER = Adapter(
    name="csv_folder",
    title="My own images (CSV)",
    licence="yours",
    expects=(
        f"A {MANIFEST_NAME} with one row per image (columns path and label; patient_id, side, "
        "view where known), and the images at the paths it gives, below the same folder."
    ),
    recognise=recognise,
    read=read,
    label_rules=(AS_WRITTEN,),
    population=Population.UNKNOWN,
    reference_standard="as the manifest's author decided",
    label_level=Level.IMAGE,
    imaging="unknown",
)
