"""CMMD: 1,775 women from China, images as DICOM, one row of the .xlsx per biopsied BREAST.

The row of a breast is found by patient AND side. Joined on the patient alone, the other breast,
which nobody biopsied, gets a label it never had. A breast without a row is unlabelled, not benign.
"""

import re
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    LESION_KIND_RULE,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import (
    empty_boxes,
    list_images,
    make_defect,
    read_sheet,
    require,
)
from mammo_core.errors import TableError
from mammo_core.preprocessing.reading.peek import peek
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER, Level, Task

SHEET: Final = "CMMD_clinicaldata_revision.xlsx"
_FOLDERS: Final = ("CMMD", "TheChineseMammographyDatabase/CMMD")  # TCIA, Kaggle
_PATIENT: Final = re.compile(r"D[12]-\d{4}")
_ABNORMALITIES: Final = {"both": "mass; calcification"}

#: Found by comparing pixels: the same images under two patients.
SAME_WOMAN: Final = {"D2-0284": "D1-0202", "D1-1292": "D1-0808"}
COPY: Final = "D2-0284"  # all four of its images are those of D1-0202
CONTRADICTED: Final = ("D1-0808", "D1-1292")  # share a right CC, with opposite labels

BIOPSY: Final = LabelRule(
    name="biopsy",
    title="A breast whose biopsy was malignant has cancer; benign has not; the others are unknown.",
    task=CANCER,
    classes={"Malignant": "cancer", "Benign": "no cancer"},
    is_among_lesions=True,
)

_SUBTYPES: Final = ("luminal A", "luminal B", "HER2-enriched", "triple negative")
SUBTYPE: Final = Task(
    name="subtype",
    title="Molecular subtype of the cancer",
    classes=_SUBTYPES,
    positive=("HER2-enriched", "triple negative"),  # without hormone receptors
)
SUBTYPE_RULE: Final = LabelRule(
    name="subtype",
    title="The molecular subtype of a cancer, told for D2 alone; all other images have no label.",
    task=SUBTYPE,
    classes={name.lower(): name for name in _SUBTYPES},
    reads="subtype",
)


def recognise(folder: Path) -> Signs:
    sheet, images = folder / SHEET, _image_folder(folder)
    signs = {SHEET: sheet.is_file(), "CMMD/D1-0001/": images is not None}
    return Signs(
        found=tuple(name for name, is_there in signs.items() if is_there),
        missing=tuple(name for name, is_there in signs.items() if not is_there),
    )


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    breasts = read_sheet(
        folder / SHEET,
        inside=folder,
        columns=("ID1", "LeftRight", "Age", "abnormality", "classification", "subtype"),
    )
    images, unreadable = _list_images(folder)
    table = images.merge(
        breasts.drop_duplicates(["ID1", "LeftRight"]),
        how="left",
        left_on=["patient_id", "side"],
        right_on=["ID1", "LeftRight"],
    )
    age = breasts.dropna(subset=["Age"]).groupby("ID1")["Age"].first()
    words = {
        "label": table["classification"],
        "subtype": table["subtype"].str.lower(),
        "lesion": table["abnormality"],
    }
    label = rule.label(words[rule.reads])
    is_contradicted = table["patient_id"].isin(CONTRADICTED) & (table["side"] == "R")
    manifest = table.assign(
        image_id=table["path"].str.extract(rf"({_PATIENT.pattern}/.*)\.[^.]+$")[0],
        group_id=table["patient_id"].replace(SAME_WOMAN),
        label=label.mask(is_contradicted, pd.NA),
        age=table["patient_id"].map(age),
        site=table["patient_id"].str[:2],
        lesion=table["abnormality"].replace(_ABNORMALITIES),
    ).drop(
        columns=["ID1", "LeftRight", "Age", "abnormality", "classification", "number"],
        errors="ignore",
    )
    is_copy = manifest["patient_id"] == COPY
    return Tables(
        manifest=check_manifest(manifest[~is_copy].reset_index(drop=True)),
        boxes=empty_boxes(),
        defects=(
            *_defects(
                manifest, is_copy, is_contradicted, is_biopsied=table["classification"].notna()
            ),
            *make_defect(
                "unreadable-header",
                unreadable,
                lambda n: f"{n} files name no readable side; their breast is unknown.",
            ),
        ),
    )


def _image_folder(folder: Path) -> Path | None:
    for name in _FOLDERS:
        if any(True for _ in (folder / name).glob("D[12]-*")):
            return folder / name
    return None


def _list_images(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """One row per file: patient from its folder, side and view from its header."""
    root = _image_folder(folder)
    if root is None:
        raise TableError(f"{folder.name} has no folder CMMD/. {ADAPTER.expects}")
    prefix = root.relative_to(folder).as_posix()
    rows, unreadable = [], []
    paths = [path for path in list_images(root) if _PATIENT.fullmatch(path.partition("/")[0])]
    for path, seen in zip(paths, peek([root / path for path in paths]), strict=True):
        patient, _, rest = path.partition("/")
        if seen is None or seen.side is None:
            unreadable.append(f"{prefix}/{path}")
        rows.append(
            {
                "path": f"{prefix}/{path}",
                "patient_id": patient,
                "exam_id": f"{patient}/{rest.partition('/')[0]}",
                "side": str(seen.side) if seen and seen.side else None,
                "view": str(seen.view) if seen and seen.view else None,
            }
        )
    if not rows:
        raise TableError(
            f"In {folder.name}/{prefix} there are folders of patients, but no image in them. Is "
            f"the download complete? {ADAPTER.expects}"
        )
    return pd.DataFrame(rows, dtype="string"), unreadable


def _defects(
    manifest: pd.DataFrame,
    is_copy: "pd.Series[bool]",
    is_contradicted: "pd.Series[bool]",
    *,
    is_biopsied: "pd.Series[bool]",
) -> tuple[Defect, ...]:
    return (
        *make_defect(
            "same-images-twice",
            manifest.loc[is_copy, "image_id"],
            lambda n: f"{n} images of {COPY} are those of {SAME_WOMAN[COPY]} again; left out.",
        ),
        *make_defect(
            "contradictory-labels",
            manifest.loc[is_contradicted, "image_id"],
            lambda n: (
                f"{' and '.join(CONTRADICTED)} share a right CC with opposite labels: "
                f"{n} images of these breasts have no label, and both women stay together."
            ),
        ),
        *make_defect(
            "breasts-without-row",
            manifest.loc[~is_biopsied & ~is_copy, "image_id"],
            lambda n: f"{n} images are of breasts that were not biopsied: unlabelled, not benign.",
        ),
    )


ADAPTER = Adapter(
    name="cmmd",
    title="Chinese Mammography Database (CMMD)",
    licence="CC BY 4.0",
    expects=(
        f"{SHEET} beside the folder CMMD/ with one folder per patient (D1-0001, ...), "
        "as downloaded from TCIA."
    ),
    recognise=recognise,
    read=read,
    label_rules=(BIOPSY, LESION_KIND_RULE, SUBTYPE_RULE),
    population=Population.BIOPSIED,
    reference_standard="biopsy",
    label_level=Level.BREAST,
    imaging="digital",
)
