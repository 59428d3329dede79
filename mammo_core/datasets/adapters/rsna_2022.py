"""RSNA 2022 screening mammography challenge: train.csv beside DICOM files, two sites.

`cancer` is per breast. biopsy, invasive, BIRADS and difficult_negative_case are known only after
the fact; they are kept for tables by subgroup and are never inputs.
"""

from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import (
    empty_boxes,
    look_for,
    make_defect,
    read_rows,
    require,
)
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER, Level

TABLE: Final = "train.csv"
COLUMNS: Final = (
    *("site_id", "patient_id", "image_id", "laterality", "view", "age", "cancer"),
    *("implant", "density", "machine_id"),
)
OUTCOMES: Final = ("biopsy", "invasive", "BIRADS", "difficult_negative_case")

CANCER_RULE: Final = LabelRule(
    name="cancer",
    title="A breast in which cancer was found has cancer; every other has not.",
    task=CANCER,
    classes={"1": "cancer", "0": "no cancer"},
)


def recognise(folder: Path) -> Signs:
    return look_for(folder, TABLE, "train_images/*/*.dcm")


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = read_rows(folder / TABLE, columns=COLUMNS)
    path = "train_images/" + table["patient_id"] + "/" + table["image_id"] + ".dcm"
    manifest = check_manifest(read_columns(table, rule).assign(path=path))
    return Tables(manifest=manifest, boxes=empty_boxes(), defects=known_defects(manifest))


def read_columns(table: pd.DataFrame, rule: LabelRule) -> pd.DataFrame:
    """The manifest's columns, but `path`, from rows of the challenge's table."""
    return pd.DataFrame(
        {
            "image_id": table["image_id"],
            "patient_id": table["patient_id"],
            "side": table["laterality"],
            "view": table["view"],
            "label": rule.label(table["cancer"]),
            "density": table["density"],
            "birads": table.get("BIRADS", pd.NA),
            "age": table["age"],
            "site": table["site_id"],
            "machine": table["machine_id"],
            "implant": table["implant"],
            **{f"after_{name}": table[name] for name in OUTCOMES if name in table},
        }
    )


def known_defects(manifest: pd.DataFrame) -> tuple[Defect, ...]:
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


ADAPTER = Adapter(
    name="rsna_2022",
    title="RSNA 2022 screening mammography",
    licence="competition rules: non-commercial research and education",
    expects=f"{TABLE} beside train_images/<patient>/<image>.dcm, as downloaded from Kaggle.",
    recognise=recognise,
    read=read,
    label_rules=(CANCER_RULE,),
    population=Population.SCREENING,
    reference_standard="biopsy where cancer; otherwise no cancer found at follow-up",
    label_level=Level.BREAST,
    imaging="digital",
)
