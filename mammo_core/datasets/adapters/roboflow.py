"""Exports of Roboflow: class folders or `_classes.csv`, files named `<stem>_jpg.rf.<hash>.jpg`.

The stem before `.rf.` joins the augmented copies of one upload. Augmentation done before the upload
is invisible to it; the audit's search for copies is not fooled. Where stems are `<patient>_<image>`
of RSNA 2022 they name the woman; see rsna.py for such an export with its table.
"""

import re
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters import class_folders
from mammo_core.datasets.adapters.adapter import (
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.class_folders import BY_FOLDER, SPLITS, THREE_CLASSES, label_of
from mammo_core.datasets.adapters.layout import (
    content_of,
    empty_boxes,
    make_defect,
    read_rows,
    require,
)
from mammo_core.errors import TableError
from mammo_core.preprocessing.reading import limits
from mammo_core.tables import check_manifest
from mammo_core.types import Level

README: Final = "README.roboflow.txt"
CLASSES: Final = "_classes.csv"
_EXPORTED: Final = re.compile(r"(?P<stem>.+)\.rf\.[0-9A-Za-z]+\.\w+")
RSNA_STEM: Final = r"^(?P<patient>\d+)_(?P<image>\d+)_(?:png|jpg|jpeg|dcm)$"


def recognise(folder: Path) -> Signs:
    names = ("*/*.rf.*", "*/*/*.rf.*")
    if any(True for pattern in names for _ in folder.glob(pattern)):
        return Signs(found=("files named <stem>.rf.<hash>",))
    if (folder / README).is_file():
        return Signs(found=(README,), missing=("files named <stem>.rf.<hash>",))
    return Signs()


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = list_exported(folder)
    women = table["stem"].str.extract(RSNA_STEM)
    has_women = women["image"].notna().all() and women["image"].is_unique
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": women["image"] if has_women else table["path"],
                "path": table["path"],
                "patient_id": women["patient"] if has_women else pd.NA,
                "group_id": women["patient"] if has_women else table["stem"],
                "label": label_of(table["folder"], rule),
                "split": table["split"],
            }
        )
    )
    return Tables(
        manifest=manifest,
        boxes=empty_boxes(),
        notes=read_readme(folder),
        defects=_defects(manifest, table["stem"]),
    )


def list_exported(folder: Path) -> pd.DataFrame:
    """`path, folder, split, stem` of every exported file."""
    table = _list_labelled(folder)
    stem = table["path"].str.rpartition("/")[2].str.extract(_EXPORTED)["stem"]
    return table.assign(stem=stem)[stem.notna()].reset_index(drop=True)


def read_readme(folder: Path) -> tuple[str, ...]:
    """What the export says of itself: preprocessing and augmentation, line by line."""
    lines = []
    for path in sorted(folder.glob("README.*.txt")):
        try:
            text = content_of(path, inside=folder, most=limits.MEGABYTE).decode("utf-8", "replace")
        except TableError as error:
            text = f"* {error}"
        lines += [line.strip() for line in text.splitlines() if line.strip()]
    wanted = ("*", "-")
    words = ("exported", "includes", "pre-processing", "augmentation", "images.")
    return tuple(
        line.lstrip("*- ")
        for line in lines
        if line.startswith(wanted) or any(word in line.lower() for word in words)
    )


def _list_labelled(folder: Path) -> pd.DataFrame:
    """`path, folder, split` from class folders, or from `_classes.csv` beside the images."""
    tables = [folder / CLASSES, *sorted(folder.glob(f"*/{CLASSES}"))]
    tables = [path for path in tables if path.is_file()]
    if not tables:
        return class_folders.list_labelled(folder)
    return pd.concat([_read_classes(path, folder) for path in tables], ignore_index=True)


def _read_classes(path: Path, folder: Path) -> pd.DataFrame:
    """One column per class, 1 where the image is of it; several at once are refused."""
    table = read_rows(path, inside=folder, columns=("filename",))
    classes = [name for name in table.columns if name != "filename"]
    flags = table[classes] == "1"
    several = flags.sum(axis=1) > 1
    if several.any():
        raise TableError(
            f"{several.sum()} of {len(table)} images in {path.name} are of several classes (first: "
            f"{table.loc[several, 'filename'].iloc[0]}). Export the set as single-label."
        )
    place = path.parent.relative_to(folder).as_posix()
    prefix = "" if place == "." else f"{place}/"
    return pd.DataFrame(
        {
            "path": prefix + table["filename"],
            "folder": flags.idxmax(axis=1).where(flags.any(axis=1)).astype("string"),
            "split": SPLITS.get(place.lower(), pd.NA),
        }
    )


def _defects(manifest: pd.DataFrame, stem: "pd.Series[str]") -> tuple[Defect, ...]:
    copies = stem.duplicated(keep=False).to_numpy()
    return (
        *make_defect(
            "augmented-copies",
            manifest.loc[copies, "image_id"],
            lambda n: (
                f"{n} files are augmented copies of {stem[copies].nunique()} uploads; copies "
                "of one upload stay together."
            ),
        ),
        *class_folders.no_patients(manifest),
    )


ADAPTER = Adapter(
    name="roboflow",
    title="Roboflow export",
    licence="as on its page",
    expects=(
        "a classification export: train/, valid/, test/ with a folder per class or a _classes.csv, "
        "files named <stem>_jpg.rf.<hash>.jpg."
    ),
    recognise=recognise,
    read=read,
    label_rules=(BY_FOLDER, THREE_CLASSES),
    population=Population.UNKNOWN,
    reference_standard="as the export's author decided",
    label_level=Level.IMAGE,
    imaging="unknown",
)
