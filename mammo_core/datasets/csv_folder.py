"""A folder of images with a table beside it: the way to bring one's own data."""

from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.datasets.adapter import Adapter, LabelRule, Population, Tables
from mammo_core.errors import TableError
from mammo_core.tables import BOX_COLUMNS, check_boxes, check_manifest, read_table
from mammo_core.types import CANCER, Level

MANIFEST_NAME: Final = "manifest.csv"
BOXES_NAME: Final = "boxes.csv"

AS_WRITTEN: Final = LabelRule(
    name="as-written",
    title="The label column as written: cancer or no cancer, or 1 or 0.",
    task=CANCER,
)

_SIDES: Final = {"LEFT": "L", "RIGHT": "R"}
_SPLITS: Final = {"training": "train", "valid": "val", "validation": "val"}
_LABELS: Final = {"0": "no cancer", "1": "cancer"}


def recognise(folder: Path) -> bool:
    return (folder / MANIFEST_NAME).is_file()


def read(folder: Path, rule: LabelRule) -> Tables:
    """The tables of `folder`; sides, views and splits spelled as in the contract."""
    if not recognise(folder):
        raise TableError(f"{folder.name} has no {MANIFEST_NAME}. {ADAPTER.expects}")
    table = read_table(folder / MANIFEST_NAME, what="manifest")
    table = table.apply(lambda column: column.str.strip()).replace("", pd.NA)
    if "image_id" not in table and "path" in table:
        table = table.assign(image_id=table["path"])
    return Tables(manifest=check_manifest(_spelled_out(table)), boxes=read_boxes(folder))


def read_boxes(folder: Path) -> pd.DataFrame:
    """The boxes beside a manifest; none is a table without rows."""
    path = folder / BOXES_NAME
    if not path.exists():
        return check_boxes(pd.DataFrame(columns=list(BOX_COLUMNS)))
    return check_boxes(read_table(path, what="table of boxes"))


def _spelled_out(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    for name, spellings in (("split", _SPLITS), ("label", _LABELS)):
        if name in table:
            table[name] = _respelled(table[name].str.lower(), spellings)
    for name, spellings in (("side", _SIDES), ("view", {})):
        if name in table:
            table[name] = _respelled(table[name].str.upper(), spellings)
    return table


def _respelled(column: "pd.Series[Any]", spellings: dict[str, str]) -> "pd.Series[Any]":
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
