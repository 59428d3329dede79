"""RSNA 2022 screening mammography challenge: train.csv beside DICOM files, two sites.

`cancer` is per breast. biopsy, invasive, BIRADS and difficult_negative_case are known only after
the fact; they are kept for tables by subgroup and are never inputs. EXPORT reads the images
as Roboflow exported them anew: file names carry patient and image, the table tells the rest.
"""

from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    DENSITY_RULE,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.class_folders import BY_FOLDER, label_of
from mammo_core.datasets.adapters.layout import (
    empty_boxes,
    look_for,
    make_defect,
    read_rows,
    require,
)
from mammo_core.datasets.adapters.roboflow import RSNA_STEM, list_exported, read_readme
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER, Level

_TABLE: Final = "train.csv"
_COLUMNS: Final = (
    *("site_id", "patient_id", "image_id", "laterality", "view", "age", "cancer"),
    *("implant", "density", "machine_id"),
)
_OUTCOMES: Final = ("biopsy", "invasive", "BIRADS", "difficult_negative_case")

_CANCER_RULE: Final = LabelRule(
    name="cancer",
    title="A breast in which cancer was found has cancer; every other has not.",
    task=CANCER,
    classes={"1": "cancer", "0": "no cancer"},
)


def _recognise_challenge(folder: Path) -> Signs:
    return look_for(folder, _TABLE, "train_images/*/*.dcm")


def _read_challenge(folder: Path, rule: LabelRule) -> Tables:
    require(_recognise_challenge(folder), folder=folder, expects=CHALLENGE.expects)
    table = read_rows(folder / _TABLE, inside=folder, columns=_COLUMNS)
    path = "train_images/" + table["patient_id"] + "/" + table["image_id"] + ".dcm"
    manifest = check_manifest(_read_columns(table, rule).assign(path=path))
    return Tables(manifest=manifest, boxes=empty_boxes(), defects=_known_defects(manifest))


def _read_columns(table: pd.DataFrame, rule: LabelRule) -> pd.DataFrame:
    """The manifest's columns, but `path`, from rows of the challenge's table."""
    return pd.DataFrame(
        {
            "image_id": table["image_id"],
            "patient_id": table["patient_id"],
            "side": table["laterality"],
            "view": table["view"],
            "label": rule.label(table["density" if rule.reads == "density" else "cancer"]),
            "density": table["density"],
            "birads": table.get("BIRADS", pd.NA),
            "age": table["age"],
            "site": table["site_id"],
            "machine": table["machine_id"],
            "implant": table["implant"],
            **{f"after_{name}": table[name] for name in _OUTCOMES if name in table},
        }
    )


def _known_defects(manifest: pd.DataFrame) -> tuple[Defect, ...]:
    sites = manifest.groupby("site")["density"].count()
    undescribed = sites.index[sites == 0]
    return (
        *make_defect(
            "density-missing",
            manifest.loc[manifest["site"].isin(undescribed), "image_id"],
            lambda n: (
                f"{n} images have no density because their site never told it; it stays "
                "missing. A model given density would learn the site."
            ),
        ),
        *make_defect(
            "age-missing",
            manifest.loc[manifest["age"].isna(), "image_id"],
            lambda n: f"{n} images have no age; it stays missing.",
        ),
    )


CHALLENGE: Final = Adapter(
    name="rsna_2022",
    title="RSNA 2022 screening mammography",
    licence="competition rules: non-commercial research and education",
    expects=f"{_TABLE} beside train_images/<patient>/<image>.dcm, as downloaded from Kaggle.",
    recognise=_recognise_challenge,
    read=_read_challenge,
    label_rules=(_CANCER_RULE, DENSITY_RULE),
    population=Population.SCREENING,
    reference_standard="biopsy where cancer; otherwise no cancer found",
    label_level=Level.BREAST,
    imaging="digital",
)


_NAMES: Final = ("*/[0-9]*_[0-9]*_*.rf.*", "*/*/[0-9]*_[0-9]*_*.rf.*")
_NAMED: Final = "files named <patient>_<image>_png.rf.<hash>"


def _recognise_export(folder: Path) -> Signs:
    if not any(True for pattern in _NAMES for _ in folder.glob(pattern)):
        return Signs()
    has_table = (folder / _TABLE).is_file()
    return Signs(found=(_NAMED,), missing=() if has_table else (_TABLE,))


def _read_export(folder: Path, rule: LabelRule) -> Tables:
    """Cancer is what the folder says, for that is what was trained on; density what the table says,
    and an image whose site never told it has no label.
    """
    require(_recognise_export(folder), folder=folder, expects=EXPORT.expects)
    exported = list_exported(folder)
    women = exported["stem"].str.extract(RSNA_STEM)
    images = pd.DataFrame(
        {
            "image_id": women["image"],
            "path": exported["path"],
            "patient_id": women["patient"],
            "label": label_of(exported["folder"], BY_FOLDER),
            "split": exported["split"],
        }
    )[women["image"].notna()]
    rows = read_rows(folder / _TABLE, inside=folder, columns=_COLUMNS)
    told = _read_columns(rows, _CANCER_RULE).drop_duplicates("image_id")
    said = images["image_id"].map(told.set_index("image_id")["label"])
    contradicted = images.loc[said.notna() & (said != images["label"]), "image_id"]
    table = images.merge(told.drop(columns=["patient_id", "label"]), on="image_id", how="left")
    if rule.reads == "density":
        table = table.assign(label=rule.label(table["density"]))
    manifest = check_manifest(table)
    return Tables(
        manifest=manifest,
        boxes=empty_boxes(),
        notes=read_readme(folder),
        defects=(
            *_known_defects(manifest),
            *make_defect(
                "folder-against-table",
                contradicted,
                lambda n: (
                    f"{n} images lie in a folder that contradicts their row of the table; "
                    "the folder was followed."
                ),
            ),
            *make_defect(
                "not-in-table",
                images.loc[said.isna(), "image_id"],
                lambda n: f"{n} images have no row in {_TABLE}, so no side, view or age.",
            ),
        ),
    )


EXPORT: Final = Adapter(
    name="rsna_export",
    title="RSNA 2022 images, re-exported",
    licence="competition rules: non-commercial research and education",
    expects=f"a folder per class with {_NAMED}, and {_TABLE} of RSNA 2022 beside them.",
    recognise=_recognise_export,
    read=_read_export,
    label_rules=(BY_FOLDER, DENSITY_RULE),
    population=Population.ENRICHED,
    reference_standard=CHALLENGE.reference_standard,
    label_level=Level.BREAST,
    imaging="digital",
)
