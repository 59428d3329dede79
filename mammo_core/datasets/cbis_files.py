"""The files of CBIS-DDSM in its two trees: DICOM from TCIA, JPEG from Kaggle.

Which of a lesion's two files is the crop and which the mask is decided by their content: the tables
swap them for some lesions, and downloads number them anew.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.datasets.layout import list_images, read_rows
from mammo_core.datasets.masks import look_at_files
from mammo_core.errors import ReadError
from mammo_core.preprocessing.peek import peek
from mammo_core.tables import check_boxes

DICOM_TREE: Final = "CBIS-DDSM"
JPEG_TREE: Final = "jpeg"
JPEG_TABLE: Final = "csv/dicom_info.csv"
_FULL: Final = "full mammogram images"


def list_files(folder: Path) -> pd.DataFrame:
    """`key, series, path` of every file: the key names an image, or one of its lesions."""
    if (folder / JPEG_TREE).is_dir():
        return _list_jpegs(folder)
    paths = pd.Series(list_images(folder / DICOM_TREE), dtype="string")
    parts = paths.str.split("/")
    return pd.DataFrame(
        {
            "key": parts.str[0].astype("string"),
            "series": parts.str[-2].astype("string"),
            "path": DICOM_TREE + "/" + paths,
        }
    )


def _list_jpegs(folder: Path) -> pd.DataFrame:
    """The table's image paths begin with a folder that does not exist in the tree."""
    table = read_rows(folder / JPEG_TABLE, columns=("image_path", "PatientID", "SeriesInstanceUID"))
    path = table["image_path"].str.replace("\\", "/").str.removeprefix(f"{DICOM_TREE}/")
    return pd.DataFrame(
        {"key": table["PatientID"], "series": table["SeriesInstanceUID"], "path": path}
    )


def image_paths(lesions: pd.DataFrame, files: pd.DataFrame) -> "pd.Series[str]":
    """Per image id the path of the full image: where no file is found, the path of the table."""
    keys = lesions.drop_duplicates("image_key").set_index("image_key")["image_id"]
    found = files[files["key"].isin(keys.index)].drop_duplicates("key")
    by_image = found.set_index(found["key"].map(keys))["path"]
    by_image = by_image[~by_image.index.duplicated()]
    said = lesions.drop_duplicates("image_id").set_index("image_id")["image_path"]
    return by_image.reindex(said.index).fillna(DICOM_TREE + "/" + said)


def read_lesion_files(folder: Path, lesions: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Crops and masks with what their pixels say, one row per lesion and file."""
    said = ["lesion", "mask_series", "mask_name"]
    long = lesions.reset_index(names="lesion")[[*said, "crop_key", "mask_key"]]
    long = long.melt(id_vars=said, value_name="key")[[*said, "key"]].drop_duplicates()
    candidates = long.merge(files, on="key")
    looks = look_at_files(folder, sorted(set(candidates["path"])), name="cbis")
    return candidates.merge(looks, on="path")


def mask_boxes(
    folder: Path, lesions: pd.DataFrame, looked: pd.DataFrame, paths: "pd.Series[str]"
) -> pd.DataFrame:
    """A box per lesion in pixels of its image, which some masks do not share the size of."""
    masks = looked[looked["is_mask"] & looked["x0"].notna()]
    masks = masks.assign(area=masks["height"] * masks["width"]).sort_values("area")
    masks = masks.drop_duplicates("lesion", keep="last").set_index("lesion").sort_index()
    image_id = lesions["image_id"].loc[masks.index]
    sizes = image_id.map({image: _size_of(folder / paths[image]) for image in set(image_id)})
    has_size = sizes.notna()
    masks, sizes, image_id = masks[has_size], sizes[has_size], image_id[has_size]
    down = np.array([size[0] for size in sizes], dtype=float) / masks["height"].to_numpy(float)
    across = np.array([size[1] for size in sizes], dtype=float) / masks["width"].to_numpy(float)
    return check_boxes(
        pd.DataFrame(
            {
                "image_id": image_id,
                "x0": masks["x0"].to_numpy(float) * across,
                "y0": masks["y0"].to_numpy(float) * down,
                "x1": masks["x1"].to_numpy(float) * across,
                "y1": masks["y1"].to_numpy(float) * down,
                "kind": lesions["kind"].loc[masks.index],
            }
        ).reset_index(drop=True)
    )


def swapped_lesions(looked: pd.DataFrame) -> "pd.Series[int]":
    """Lesions for which the file said to be the mask is none, while another of theirs is one.

    Where files bear other names than in the tables, the whole series is what was said.
    """
    is_series = looked["series"] == looked["mask_series"]
    is_file = is_series & (looked["path"].str.rpartition("/")[2] == looked["mask_name"])
    has_file = looked["lesion"].isin(looked.loc[is_file, "lesion"])
    is_said = is_file | (is_series & ~has_file)
    right = looked.loc[is_said & looked["is_mask"], "lesion"]
    wrong = looked.loc[is_said & ~looked["is_mask"], "lesion"]
    elsewhere = looked.loc[~is_said & looked["is_mask"], "lesion"]
    return wrong[~wrong.isin(right) & wrong.isin(elsewhere)].drop_duplicates()


def _size_of(path: Path) -> tuple[int, int] | None:
    try:
        return peek(path).size
    except ReadError:
        return None
