"""RSNA 2022 images re-exported by Roboflow, with the challenge's train.csv beside them.

File names carry patient and image; the table tells side, view, age, density, site and machine.
"""

from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters import rsna_2022
from mammo_core.datasets.adapters.adapter import Adapter, LabelRule, Population, Signs, Tables
from mammo_core.datasets.adapters.class_folders import BY_FOLDER, label_of
from mammo_core.datasets.adapters.layout import empty_boxes, make_defect, read_rows, require
from mammo_core.datasets.adapters.roboflow import RSNA_STEM, list_exported, read_readme
from mammo_core.tables import check_manifest
from mammo_core.types import Level

_NAMES: Final = ("*/[0-9]*_[0-9]*_*.rf.*", "*/*/[0-9]*_[0-9]*_*.rf.*")
_NAMED: Final = "files named <patient>_<image>_png.rf.<hash>"


def recognise(folder: Path) -> Signs:
    if not any(True for pattern in _NAMES for _ in folder.glob(pattern)):
        return Signs()
    has_table = (folder / rsna_2022.TABLE).is_file()
    return Signs(found=(_NAMED,), missing=() if has_table else (rsna_2022.TABLE,))


def read(folder: Path, rule: LabelRule) -> Tables:
    """The label is that of the folder: what the export says is what was trained on."""
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    exported = list_exported(folder)
    women = exported["stem"].str.extract(RSNA_STEM)
    images = pd.DataFrame(
        {
            "image_id": women["image"],
            "path": exported["path"],
            "patient_id": women["patient"],
            "label": label_of(exported["folder"], rule),
            "split": exported["split"],
        }
    )[women["image"].notna()]
    rows = read_rows(folder / rsna_2022.TABLE, columns=rsna_2022.COLUMNS)
    told = rsna_2022.read_columns(rows, rsna_2022.CANCER_RULE).drop_duplicates("image_id")
    said = images["image_id"].map(told.set_index("image_id")["label"])
    told = told.drop(columns=["patient_id", "label"])
    manifest = check_manifest(images.merge(told, on="image_id", how="left"))
    return Tables(
        manifest=manifest,
        boxes=empty_boxes(),
        notes=read_readme(folder),
        defects=(
            *rsna_2022.known_defects(manifest),
            *make_defect(
                "folder-against-table",
                images.loc[said.notna() & (said != images["label"]), "image_id"],
                lambda n: (
                    f"{n} images lie in a folder that contradicts their row of the table; "
                    "the folder was followed."
                ),
            ),
            *make_defect(
                "not-in-table",
                images.loc[said.isna(), "image_id"],
                lambda n: f"{n} images have no row in {rsna_2022.TABLE}, so no side, view or age.",
            ),
        ),
    )


ADAPTER = Adapter(
    name="rsna_export",
    title="RSNA 2022 images, re-exported",
    licence="competition rules: non-commercial research and education",
    expects=f"a folder per class with {_NAMED}, and {rsna_2022.TABLE} of RSNA 2022 beside them.",
    recognise=recognise,
    read=read,
    label_rules=(BY_FOLDER,),
    population=Population.ENRICHED,
    reference_standard=rsna_2022.ADAPTER.reference_standard,
    label_level=Level.BREAST,
    imaging="digital",
)
