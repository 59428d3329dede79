"""CBIS-DDSM: digitised films of biopsied lesions, official tables with DICOM or JPEG files."""

from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapter import Adapter, Defect, LabelRule, Population, Signs, Tables
from mammo_core.datasets.cbis_files import (
    DICOM_TREE,
    JPEG_TABLE,
    JPEG_TREE,
    image_paths,
    list_files,
    mask_boxes,
    read_lesion_files,
    swapped_lesions,
)
from mammo_core.datasets.cbis_lesions import TABLES, find_tables, read_lesions
from mammo_core.datasets.layout import make_defect, require
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER, Level

MALIGNANT: Final = "MALIGNANT"
PATHOLOGY: Final = LabelRule(
    name="pathology",
    title="An image with a malignant lesion has cancer; one with only benign lesions has not.",
    task=CANCER,
    classes={MALIGNANT: "cancer", "BENIGN": "no cancer", "BENIGN_WITHOUT_CALLBACK": "no cancer"},
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
    every = read_lesions(place or folder)
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
            *_defects(lesions, looked),
        ),
    )


def _manifest(lesions: pd.DataFrame, paths: "pd.Series[str]", rule: LabelRule) -> pd.DataFrame:
    """Lesions to images: the worst pathology counts."""
    by_image = lesions.groupby("image_id", sort=False)
    first = by_image.first()
    # MALIGNANT stands last in order of harm, and BENIGN sorts before BENIGN_WITHOUT_CALLBACK
    worst = by_image["pathology"].max()
    return check_manifest(
        pd.DataFrame(
            {
                "path": paths,
                "patient_id": first["patient_id"],
                "side": first["side"],
                "view": first["view"],
                "label": rule.label(worst),
                "split": first["split"],
                "density": first["density"],
                "birads": by_image["assessment"].max(),
                "lesion": by_image["kind"].agg(lambda kinds: "; ".join(sorted(set(kinds)))),
            }
        ).reset_index()
    )


def _defects(lesions: pd.DataFrame, looked: pd.DataFrame) -> tuple[Defect, ...]:
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
                f"The tables have {len(lesions)} rows, one per lesion, but {len(several)} "
                f"images; {n} images have several lesions and count once."
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
    label_rules=(PATHOLOGY,),
    population=Population.BIOPSIED,
    reference_standard="biopsy, or not called back and unchanged at follow-up",
    label_level=Level.IMAGE,
    imaging="film",
)
