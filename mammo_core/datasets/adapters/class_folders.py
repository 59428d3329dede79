"""A folder per class, perhaps inside a folder per split: the plainest way to keep labelled images.

Nothing but the label is known: no woman, no side, no view. Copies of one image are all that can be
kept together.
"""

from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    NORMAL_BENIGN_CANCER,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import empty_boxes, list_images, make_defect, require
from mammo_core.errors import TableError
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER, Level

SPLITS: Final = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_CANCER: Final = ("cancer", "malignant", "positive", "1")
_BENIGN: Final = ("benign",)
_NORMAL: Final = ("normal",)
_NEGATIVE: Final = ("no cancer", "no_cancer", "non-cancer", "noncancer", "negative", "0")

BY_FOLDER: Final = LabelRule(
    name="folder",
    title="An image in a folder called cancer or malignant has cancer; benign or normal has not.",
    task=CANCER,
    classes={
        **dict.fromkeys(_CANCER, "cancer"),
        **dict.fromkeys((*_BENIGN, *_NORMAL, *_NEGATIVE), "no cancer"),
    },
)
THREE_CLASSES: Final = LabelRule(
    name="normal-benign-malignant",
    title="Three folders: normal, benign, and cancer or malignant.",
    task=NORMAL_BENIGN_CANCER,
    classes={
        **dict.fromkeys(_CANCER, "cancer"),
        **dict.fromkeys(_BENIGN, "benign"),
        **dict.fromkeys(_NORMAL, "normal"),
    },
)


def recognise(folder: Path) -> Signs:
    """At least two folders of images whose names mean a class."""
    classes = {name for place in _places(folder) for name in _class_folders(place)}
    found = tuple(sorted(f"{name}/" for name in classes))
    return Signs(found=found, missing=("a second class folder",) if len(found) == 1 else ())


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = list_labelled(folder)
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": table["path"],
                "path": table["path"],
                "label": label_of(table["folder"], rule),
                "split": table["split"],
            }
        )
    )
    return Tables(manifest=manifest, boxes=empty_boxes(), defects=no_patients(manifest))


def list_labelled(folder: Path) -> pd.DataFrame:
    """`path, folder, split` of every image in a class folder; split missing where there is none."""
    paths = pd.Series(list_images(folder), dtype="string")
    depth = paths.str.count("/")
    parts = paths.str.split("/")
    split = parts.str[0].str.lower().map(SPLITS)
    is_split = split.notna() & (depth > 1)
    name = parts.str[0].where(~is_split, parts.str[1])
    table = pd.DataFrame({"path": paths, "folder": name, "split": split.where(is_split)})
    return table[depth > 0].reset_index(drop=True)


def label_of(folders: "pd.Series[Any]", rule: LabelRule) -> "pd.Series[Any]":
    """The labels of class folders; folders of which the rule knows none are refused."""
    label = rule.label(folders.str.lower().str.strip())
    if label.isna().all():
        names = ", ".join(sorted(set(folders.dropna()))[:8])
        raise TableError(
            f"The class folders are called {names}, and the rule {rule.name!r} knows none of them. "
            f"It knows {', '.join(rule.classes)}."
        )
    return label


def no_patients(manifest: pd.DataFrame) -> tuple[Defect, ...]:
    return make_defect(
        "no-patients",
        manifest.loc[manifest["patient_id"].isna(), "image_id"],
        lambda n: (
            f"Nothing says whose {n} images are: images of one woman may fall on both sides "
            "of any split, and no interval is as wide as it should be."
        ),
    )


def _places(folder: Path) -> list[Path]:
    """The folder itself, and its folders named like splits."""
    return [folder, *(path for path in _folders(folder) if path.name.lower() in SPLITS)]


def _class_folders(place: Path) -> list[str]:
    known = {*BY_FOLDER.classes, *THREE_CLASSES.classes}
    return [
        path.name
        for path in _folders(place)
        if path.name.lower() in known and any(True for _ in path.iterdir())
    ]


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


ADAPTER = Adapter(
    name="class_folders",
    title="One folder per class",
    licence="yours",
    expects=(
        "a folder per class (benign/ and malignant/, or normal/, cancer/, ...), directly or inside "
        "train/, valid/ and test/."
    ),
    recognise=recognise,
    read=read,
    label_rules=(BY_FOLDER, THREE_CLASSES),
    population=Population.UNKNOWN,
    reference_standard="as the folders' author decided",
    label_level=Level.IMAGE,
    imaging="unknown",
)
