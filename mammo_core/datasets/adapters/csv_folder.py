"""A folder of images with a table beside it: the way to bring one's own data."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    BIRADS_RULE,
    DENSITY_RULE,
    HOLDS_BOX,
    LESION_KIND_RULE,
    Adapter,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import (
    SIDES,
    cells_of,
    empty_boxes,
    look_for,
    make_defect,
    read_rows,
    require,
)
from mammo_core.tables import check_boxes, shape_manifest
from mammo_core.types import CANCER, Level

MANIFEST_NAME: Final = "manifest.csv"
BOXES_NAME: Final = "boxes.csv"

AS_WRITTEN: Final = LabelRule(
    name="as-written",
    title=(
        "The label column as written: cancer or no cancer, 1 or 0; malignant is cancer, benign or "
        "normal is not."
    ),
    task=CANCER,
    classes={
        **dict.fromkeys(("cancer", "malignant", "1"), "cancer"),
        **dict.fromkeys(("no cancer", "benign", "normal", "0"), "no cancer"),
    },
)
MALIGNANT_OR_BENIGN: Final = LabelRule(
    name="malignant-or-benign",
    title="Malignant against benign; an image called anything else has no label.",
    task=CANCER,
    classes={"malignant": "cancer", "benign": "no cancer"},
    reads="pathology",
)
BOX_IN_TABLE: Final = replace(
    HOLDS_BOX,
    title=f"An image with a box in {BOXES_NAME} holds a lesion; one without a box holds none.",
)

_SPLITS: Final = {"training": "train", "valid": "val", "validation": "val"}


def recognise(folder: Path) -> Signs:
    return look_for(folder, MANIFEST_NAME)


def read(folder: Path, rule: LabelRule) -> Tables:
    """The tables of `folder`; sides, views and splits spelled as in the contract.

    The table is anybody's, so that one row is one image is not yet certain: whoever trains checks
    it, and the audit looks into it.
    """
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = read_rows(folder / MANIFEST_NAME, inside=folder, columns=("path",))
    if "image_id" not in table:
        table = table.assign(image_id=table["path"])
    manifest = shape_manifest(_spelled_out(table))
    every = read_boxes(folder)
    is_known = every["image_id"].isin(manifest["image_id"])
    boxes = every[is_known].reset_index(drop=True)
    return Tables(
        manifest=manifest.assign(label=_labels(manifest, boxes, rule)),
        boxes=boxes,
        defects=make_defect(
            "boxes-without-image",
            every.loc[~is_known, "image_id"],
            lambda n: f"{BOXES_NAME} has boxes of {n} images that {MANIFEST_NAME} lacks; left out.",
        ),
    )


def read_boxes(folder: Path) -> pd.DataFrame:
    """The boxes beside a manifest; none is a table without rows."""
    path = folder / BOXES_NAME
    if not path.exists():
        return empty_boxes()
    return check_boxes(cells_of(path, inside=folder, what="table of boxes"))


def _labels(manifest: pd.DataFrame, boxes: pd.DataFrame, rule: LabelRule) -> "pd.Series[Any]":
    """The labels by `rule`. A word of the label column that the rule does not know stays as it
    is, for the contract to refuse: a misspelt cancer must not become an image without a label.
    """
    if rule.reads == "label":
        return _respelled(manifest["label"], rule.classes)
    has_box = manifest["image_id"].isin(boxes["image_id"]).astype("string")
    unknown = pd.Series(pd.NA, index=manifest.index, dtype="string")
    words = {
        "pathology": manifest["label"],
        "has_box": unknown if boxes.empty else has_box,
        "lesion": manifest["lesion"].str.lower(),
        "density": manifest["density"].str.upper(),
        "birads": manifest["birads"],
    }
    return rule.label(words[rule.reads])


def _spelled_out(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    words: Mapping[str, Mapping[str, str]] = {"split": _SPLITS, "label": {}}
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
    label_rules=(
        AS_WRITTEN,
        MALIGNANT_OR_BENIGN,
        BOX_IN_TABLE,
        LESION_KIND_RULE,
        DENSITY_RULE,
        BIRADS_RULE,
    ),
    population=Population.UNKNOWN,
    reference_standard="as the manifest's author decided",
    label_level=Level.IMAGE,
    imaging="unknown",
)
