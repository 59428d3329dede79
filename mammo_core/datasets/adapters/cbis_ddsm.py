"""CBIS-DDSM: digitised films of biopsied lesions. Four official tables with a row per LESION, of
which several may lie in one image; files as DICOM (TCIA) or JPEG (Kaggle).
"""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    BIRADS_RULE,
    DENSITY_RULE,
    LESION_KIND_RULE,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import (
    DENSITIES,
    SIDES,
    list_images,
    look_at_files,
    make_defect,
    read_rows,
    require,
)
from mammo_core.errors import TableError
from mammo_core.preprocessing.reading.peek import peek
from mammo_core.tables import check_boxes, check_manifest
from mammo_core.types import CANCER, Level, Task

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
    table = read_rows(
        folder / JPEG_TABLE, inside=folder, columns=("image_path", "PatientID", "SeriesInstanceUID")
    )
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
    images = sorted(set(image_id))
    seen = peek([folder / paths[image] for image in images])
    sizes = image_id.map(
        {image: one.size for image, one in zip(images, seen, strict=True) if one is not None}
    )
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


def read_lesions(place: Path, *, inside: Path) -> pd.DataFrame:
    """One row per lesion: patient, side, view, image_id, split, pathology, and the paths."""
    lesions = pd.concat([_read(place / name, inside) for name in TABLES], ignore_index=True)
    lesions["image_id"] = lesions["patient_id"] + "_" + lesions["side"] + "_" + lesions["view"]
    return lesions


def _read(path: Path, inside: Path) -> pd.DataFrame:
    table = read_rows(path, inside=inside, columns=("patient_id", "pathology")).rename(
        columns=_SPELLINGS
    )
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


MALIGNANT: Final = "MALIGNANT"
PATHOLOGY: Final = LabelRule(
    name="pathology",
    title="An image with a malignant lesion has cancer; one with only benign lesions has not.",
    task=CANCER,
    classes={MALIGNANT: "cancer", "BENIGN": "no cancer", "BENIGN_WITHOUT_CALLBACK": "no cancer"},
    is_among_lesions=True,
)

_KINDS: Final = ("mass", "calcification")
KIND_AND_PATHOLOGY: Final = Task(
    name="kind-and-pathology",
    title="Mass / calcification, benign / malignant",
    classes=tuple(f"{word} {kind}" for word in ("benign", "malignant") for kind in _KINDS),
    positive=tuple(f"malignant {kind}" for kind in _KINDS),
)
KIND_RULE: Final = LabelRule(
    name="kind-and-pathology",
    title="Kind and pathology of the worst lesion; an image whose worst are of both kinds has no "
    "label.",
    task=KIND_AND_PATHOLOGY,
    classes={name: name for name in KIND_AND_PATHOLOGY.classes},
    reads="worst",
)


def recognise(folder: Path) -> Signs:
    has_tables = find_tables(folder) is not None
    has_jpegs = (folder / JPEG_TREE).is_dir() and (folder / JPEG_TABLE).is_file()
    has_images = has_jpegs or (folder / DICOM_TREE).is_dir()
    signs = {
        f"the four tables ({TABLES[0]}, ...)": has_tables,
        f"{DICOM_TREE}/ with DICOM files, or {JPEG_TREE}/ with {JPEG_TABLE}": has_images,
    }
    return Signs(
        found=tuple(name for name, is_there in signs.items() if is_there),
        missing=tuple(name for name, is_there in signs.items() if not is_there),
    )


def read(folder: Path, rule: LabelRule) -> Tables:
    place = find_tables(folder)
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    every = read_lesions(place or folder, inside=folder)
    in_both = set(every.loc[every["split"] == "train", "patient_id"]) & set(
        every.loc[every["split"] == "test", "patient_id"]
    )
    is_dropped = every["patient_id"].isin(in_both) & (every["split"] == "train")
    lesions = every[~is_dropped].reset_index(drop=True)
    files = list_files(folder)
    paths = image_paths(lesions, files)
    looked = read_lesion_files(folder, lesions, files)
    return Tables(
        manifest=_manifest(lesions, paths, rule),
        boxes=mask_boxes(folder, lesions, looked, paths),
        notes=("Every woman in this data set was biopsied: there are no normal images.",),
        defects=(
            *make_defect(
                "women-in-both-splits",
                every.loc[is_dropped, "image_id"],
                lambda n: (
                    f"{len(in_both)} women are in the training tables of one kind of lesion "
                    f"and the test tables of the other; their {n} training images were left out."
                ),
            ),
            *_defects(lesions, looked, rows=len(every)),
        ),
    )


def _manifest(lesions: pd.DataFrame, paths: "pd.Series[str]", rule: LabelRule) -> pd.DataFrame:
    """Lesions to images: the worst pathology counts."""
    by_image = lesions.groupby("image_id", sort=False)
    first = by_image.first()
    kinds = by_image["kind"].agg(lambda kinds: "; ".join(sorted(set(kinds))))
    # MALIGNANT stands last in order of harm, and BENIGN sorts before BENIGN_WITHOUT_CALLBACK
    worst = by_image["pathology"].max()
    assessment = by_image["assessment"].max()
    words = {
        "label": worst,
        "worst": _worst_kinds(lesions),
        "lesion": kinds,
        "density": first["density"],
        "birads": assessment,
    }
    return check_manifest(
        pd.DataFrame(
            {
                "path": paths,
                "patient_id": first["patient_id"],
                "side": first["side"],
                "view": first["view"],
                "label": rule.label(words[rule.reads]),
                "split": first["split"],
                "density": first["density"],
                "birads": assessment,
                "lesion": kinds,
            }
        ).reset_index()
    )


def _worst_kinds(lesions: pd.DataFrame) -> "pd.Series[str]":
    """ "malignant mass": of each image, in the order of `groupby`, its worst lesions' kind."""
    is_malignant = lesions["pathology"] == MALIGNANT
    of_worst = is_malignant == is_malignant.groupby(lesions["image_id"]).transform("max")
    kinds = lesions["kind"].where(of_worst).groupby(lesions["image_id"], sort=False)
    word = is_malignant.groupby(lesions["image_id"], sort=False).any()
    single = kinds.first().where(kinds.nunique() == 1)
    return word.map({True: "malignant ", False: "benign "}) + single


def _defects(lesions: pd.DataFrame, looked: pd.DataFrame, *, rows: int) -> tuple[Defect, ...]:
    by_image = lesions.groupby("image_id")
    folders = by_image["image_key"].nunique()
    kinds = lesions.assign(is_malignant=lesions["pathology"] == MALIGNANT)
    kinds_of = kinds.groupby("image_id")["is_malignant"].nunique()
    masked = set(looked.loc[looked["is_mask"], "lesion"])
    lesion_names = lesions["image_id"] + ", lesion " + lesions["number"]
    unmasked = lesion_names[~lesions.index.isin(masked)]
    several = by_image.size()
    return (
        *make_defect(
            "lesion-rows",
            several.index[several > 1],
            lambda n: (
                f"The tables have {rows} rows, one per lesion; the {len(lesions)} kept are of "
                f"{len(several)} images, of which {n} have several lesions and count once."
            ),
        ),
        *make_defect(
            "image-in-two-folders",
            folders.index[folders > 1],
            lambda n: f"{n} images are stored twice, under a mass and a calcification; kept once.",
        ),
        *make_defect(
            "benign-and-malignant",
            kinds_of.index[kinds_of > 1],
            lambda n: f"{n} images hold a benign and a malignant lesion; they count as malignant.",
        ),
        *make_defect(
            "density-zero",
            lesions.loc[lesions["breast_density"] == "0", "image_id"],
            lambda n: f"The density of {n} images is given as 0, which is none; it is missing.",
        ),
        *make_defect(
            "crop-and-mask-swapped",
            lesion_names[swapped_lesions(looked)],
            lambda n: (
                f"For {n} lesions the tables name the crop where the mask is; the content "
                "of the files decided."
            ),
        ),
        *make_defect(
            "no-mask",
            unmasked,
            lambda n: f"{n} lesions have no mask among the files, so no box.",
        ),
    )


ADAPTER = Adapter(
    name="cbis_ddsm",
    title="CBIS-DDSM",
    licence="CC BY 3.0",
    expects=(
        f"the four tables ({', '.join(TABLES)}) beside the folder {DICOM_TREE}/ from TCIA; or the "
        f"Kaggle copy, with the tables and dicom_info.csv in csv/ and the images in {JPEG_TREE}/."
    ),
    recognise=recognise,
    read=read,
    label_rules=(PATHOLOGY, KIND_RULE, LESION_KIND_RULE, BIRADS_RULE, DENSITY_RULE),
    population=Population.BIOPSIED,
    reference_standard="biopsy, or not called back and unchanged at follow-up",
    label_level=Level.IMAGE,
    imaging="film",
)
