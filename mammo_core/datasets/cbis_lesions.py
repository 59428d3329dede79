"""The four tables of CBIS-DDSM: one row per LESION, several of which may lie in one image.

Paths in them serve only for their parts: one names the image or lesion, the last but one its
series.
One of the three paths ends in a newline inside its quotes, so rows are never counted by lines.
"""

from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.layout import DENSITIES, SIDES, read_rows
from mammo_core.errors import TableError

TABLES: Final = tuple(
    f"{kind}_case_description_{split}_set.csv"
    for kind in ("mass", "calc")
    for split in ("train", "test")
)

#: The header of today, of the calc tables, and of 2017.
_SPELLINGS: Final = {
    "breast density": "breast_density",
    "left or right breast": "side",
    "image view": "view",
    "abnormality id": "number",
    "abn_num": "number",
    "abnormality type": "abnormality_type",
    "image file path": "image_path",
    "od_img_path": "image_path",
    "cropped image file path": "crop_path",
    "od_crop_path": "crop_path",
    "ROI mask file path": "mask_path",
}
_NEEDED: Final = (
    *("patient_id", "breast_density", "side", "view", "number", "abnormality_type"),
    *("assessment", "pathology", "image_path", "crop_path", "mask_path"),
)
_PATHS: Final = ("image_path", "crop_path", "mask_path")
_KEY: Final = r"((?:Mass|Calc)-(?:Training|Test)_P_\d+_(?:LEFT|RIGHT)_(?:CC|MLO)(?:_\d+)?)"


def find_tables(folder: Path) -> Path | None:
    """Where the four tables lie: in the folder itself, or in csv/ as Kaggle has them."""
    for place in (folder, folder / "csv"):
        if all((place / name).is_file() for name in TABLES):
            return place
    return None


def read_lesions(place: Path) -> pd.DataFrame:
    """One row per lesion: patient, side, view, image_id, split, pathology, and the paths."""
    lesions = pd.concat([_read(place / name) for name in TABLES], ignore_index=True)
    lesions["image_id"] = lesions["patient_id"] + "_" + lesions["side"] + "_" + lesions["view"]
    return lesions


def _read(path: Path) -> pd.DataFrame:
    table = read_rows(path, columns=("patient_id", "pathology")).rename(columns=_SPELLINGS)
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise TableError(
            f"{path.name} is no table of CBIS-DDSM: nothing in it is {', '.join(missing)}."
        )
    table = table[list(_NEEDED)]
    for name in _PATHS:
        table[name] = table[name].str.replace("\\", "/").str.strip()
    return table.assign(
        kind="mass" if path.name.startswith("mass") else "calcification",
        split="train" if "_train_" in path.name else "test",
        side=table["side"].str.upper().map(SIDES),
        density=table["breast_density"].map(DENSITIES),
        breast_density=table["breast_density"],
        image_key=table["image_path"].str.extract(_KEY)[0],
        crop_key=table["crop_path"].str.extract(_KEY)[0],
        mask_key=table["mask_path"].str.extract(_KEY)[0],
        mask_series=_part(table["mask_path"], -2),
        mask_name=_part(table["mask_path"], -1),
    )


def _part(paths: "pd.Series[str]", number: int) -> "pd.Series[str]":
    return paths.str.split("/").str[number].astype("string")
