"""INbreast: 410 digital mammograms of 115 cases from Porto, BI-RADS per image, drawn lesions.

The table's patient ids were all removed; the sixteen digits in the DICOM names tell women apart.
"""

import plistlib
import re
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    BIRADS,
    DENSITY_RULE,
    SUSPICIOUS,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import (
    DENSITIES,
    content_of,
    look_for,
    make_defect,
    read_rows,
    require,
)
from mammo_core.errors import TableError
from mammo_core.tables import BOX_COLUMNS, check_boxes, check_manifest
from mammo_core.types import Level

TABLE: Final = "INbreast.csv"
IMAGES: Final = "AllDICOMs"
OUTLINES: Final = "AllXML"
_COLUMNS: Final = ("Laterality", "View", "Acquisition date", "File Name", "ACR", "Bi-Rads")
_NAME: Final = re.compile(r"(?P<image>\d{8})_(?P<patient>[0-9a-fA-F]{16})_.*")
_POINT: Final = re.compile(r"\(\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)")
_GRADES: Final = ("1", "2", "3", "4a", "4b", "4c", "5", "6")


def _from(lowest: str) -> LabelRule:
    start = _GRADES.index(lowest)
    return LabelRule(
        name=f"birads-{lowest}",
        title=f"An image assessed BI-RADS {lowest} or above is suspicious.",
        task=SUSPICIOUS,
        classes={
            grade: "suspicious" if place >= start else "not suspicious"
            for place, grade in enumerate(_GRADES)
        },
    )


ASSESSMENT: Final = LabelRule(
    name="birads",
    title="The BI-RADS assessment 1 to 5, 4a to 4c being 4; 6 is a known cancer and has no label.",
    task=BIRADS,
    classes={grade: grade[0] for grade in _GRADES if grade != "6"},
    reference_standard="the assessment of radiologists, no biopsy",
)


def recognise(folder: Path) -> Signs:
    return look_for(folder, TABLE, f"{IMAGES}/*.dcm")


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    table = read_rows(folder / TABLE, inside=folder, columns=_COLUMNS, separator=";")
    table = table[table["File Name"].str.fullmatch(r"\d{8}", na=False)].reset_index(drop=True)
    names = _dicom_names(folder)
    image_id = table["File Name"]
    patient = image_id.map({image: patient for image, (patient, _) in names.items()})
    density = table["ACR"].map(DENSITIES)
    birads = table["Bi-Rads"].str.lower()
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": image_id,
                "path": image_id.map({image: path for image, (_, path) in names.items()}).fillna(
                    f"{IMAGES}/" + image_id + ".dcm"
                ),
                "patient_id": patient,
                "exam_id": patient + "_" + table["Acquisition date"],
                "side": table["Laterality"],
                "view": table["View"],
                "label": rule.label(density if rule.reads == "density" else birads),
                "density": density,
                "birads": birads,
            }
        )
    )
    boxes, unreadable = read_outlines(folder, manifest["image_id"])
    lesions = boxes.groupby("image_id")["kind"].agg(lambda kinds: "; ".join(sorted(set(kinds))))
    manifest["lesion"] = manifest["image_id"].map(lesions).astype("string")
    return Tables(manifest=manifest, boxes=boxes, defects=_defects(manifest, unreadable))


def read_outlines(folder: Path, image_ids: "pd.Series[str]") -> tuple[pd.DataFrame, list[str]]:
    """A box around every drawn lesion, and the images whose drawing cannot be read."""
    rows: list[dict[str, object]] = []
    unreadable = []
    for image_id in image_ids:
        path = folder / OUTLINES / f"{image_id}.xml"
        if not path.is_file():
            continue
        try:
            rows.extend({"image_id": image_id, **box} for box in _boxes_in(path, folder))
        except (
            TableError,
            plistlib.InvalidFileException,
            ExpatError,
            ValueError,
            LookupError,
            TypeError,
        ):
            unreadable.append(image_id)
    return check_boxes(pd.DataFrame(rows, columns=list(BOX_COLUMNS))), unreadable


def _boxes_in(path: Path, folder: Path) -> list[dict[str, object]]:
    """Points are centres of pixels, so the last one's pixel belongs to the box."""
    document: Any = plistlib.loads(content_of(path, inside=folder), fmt=plistlib.FMT_XML)
    boxes = []
    for image in document["Images"]:
        for outline in image["ROIs"]:
            points = [_point(text) for text in outline["Point_px"]]
            if not points:
                continue
            xs, ys = zip(*points, strict=True)
            boxes.append(
                {
                    "x0": min(xs),
                    "y0": min(ys),
                    "x1": max(xs) + 1,
                    "y1": max(ys) + 1,
                    "kind": str(outline["Name"]).strip().lower(),
                }
            )
    return boxes


def _point(text: str) -> tuple[float, float]:
    found = _POINT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no point")
    return float(found[1]), float(found[2])


def _dicom_names(folder: Path) -> dict[str, tuple[str, str]]:
    """image -> (woman, path), both out of the names of the DICOM files."""
    found = {}
    for path in sorted((folder / IMAGES).glob("*.dcm")):
        parts = _NAME.fullmatch(path.stem)
        if parts:
            found[parts["image"]] = (parts["patient"].lower(), f"{IMAGES}/{path.name}")
    return found


def _defects(manifest: pd.DataFrame, unreadable: list[str]) -> tuple[Defect, ...]:
    return (
        *make_defect(
            "patient-ids-removed",
            manifest.loc[manifest["patient_id"].notna(), "image_id"],
            lambda n: (
                f"The table's patient ids were removed; the women of {n} images were told "
                "apart by the names of their DICOM files."
            ),
        ),
        *make_defect(
            "no-dicom",
            manifest.loc[manifest["patient_id"].isna(), "image_id"],
            lambda n: f"{n} rows have no DICOM file, so neither image nor woman.",
        ),
        *make_defect(
            "density-missing",
            manifest.loc[manifest["density"].isna(), "image_id"],
            lambda n: f"{n} images have no density; it stays missing.",
        ),
        *make_defect(
            "outline-unreadable",
            unreadable,
            lambda n: f"The drawn lesions of {n} images cannot be read, so they have no boxes.",
        ),
    )


ADAPTER = Adapter(
    name="inbreast",
    title="INbreast",
    licence="research only, on agreement with the authors",
    expects=f"{TABLE} beside {IMAGES}/ with DICOM files, and {OUTLINES}/ with the drawn lesions.",
    recognise=recognise,
    read=read,
    label_rules=(_from("4a"), _from("3"), _from("5"), ASSESSMENT, DENSITY_RULE),
    population=Population.MIXED,
    reference_standard="BI-RADS opinion; biopsy for some of the highest",
    label_level=Level.IMAGE,
    imaging="digital",
)
