"""VinDr-Mammo: 5,000 exams from Hanoi, each breast with a BI-RADS assessment by radiologists.

`breast-level_annotations.csv` has one row per image. `finding_annotations.csv` has one per finding,
so an image with two findings is in it twice: it serves for boxes only.
"""

import ast
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    BIRADS,
    DENSITY,
    SUSPICIOUS,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.layout import look_for, make_defect, read_rows, require
from mammo_core.tables import check_boxes, check_manifest
from mammo_core.types import Level

IMAGES_TABLE: Final = "breast-level_annotations.csv"
FINDINGS_TABLE: Final = "finding_annotations.csv"
_CORNERS: Final = ["xmin", "ymin", "xmax", "ymax"]
_SPLITS: Final = {"training": "train", "test": "test"}


def _at_least(lowest: int) -> LabelRule:
    return LabelRule(
        name=f"birads-{lowest}",
        title=f"A breast assessed BI-RADS {lowest}{' or above' * (lowest < 5)} is suspicious.",
        task=SUSPICIOUS,
        classes={
            str(grade): "suspicious" if grade >= lowest else "not suspicious"
            for grade in range(1, 6)
        },
    )


DENSITY_RULE: Final = LabelRule(
    name="density",
    title="The density of the breast, A to D; C and D count as dense.",
    task=DENSITY,
    classes={grade: grade for grade in DENSITY.classes},
    reference_standard="density as radiologists read it",
)
BIRADS_RULE: Final = LabelRule(
    name="birads",
    title="The BI-RADS assessment itself, 1 to 5; 4 and 5 count as positive.",
    task=BIRADS,
    classes={grade: grade for grade in BIRADS.classes},
)


def recognise(folder: Path) -> Signs:
    return look_for(folder, IMAGES_TABLE, FINDINGS_TABLE, "images")


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    images = read_rows(
        folder / IMAGES_TABLE,
        columns=(
            *("study_id", "image_id", "laterality", "view_position", "height", "width"),
            *("breast_birads", "breast_density", "split"),
        ),
    )
    findings = read_rows(
        folder / FINDINGS_TABLE,
        columns=("image_id", "finding_categories", "finding_birads", *_CORNERS),
    )
    findings = findings[findings["xmin"].notna()]
    birads = images["breast_birads"].str.removeprefix("BI-RADS ")
    density = images["breast_density"].str.removeprefix("DENSITY ")
    kinds = findings["finding_categories"].map(_kinds)
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": images["image_id"],
                "path": "images/" + images["study_id"] + "/" + images["image_id"] + ".dicom",
                "exam_id": images["study_id"],
                "side": images["laterality"],
                "view": images["view_position"],
                "label": rule.label(density if rule is DENSITY_RULE else birads),
                "split": images["split"].map(_SPLITS),
                "density": density,
                "birads": birads,
                "lesion": images["image_id"].map(kinds.groupby(findings["image_id"]).agg(_joined)),
            }
        )
    )
    boxes = check_boxes(
        pd.DataFrame(
            {
                "image_id": findings["image_id"],
                "x0": findings["xmin"],
                "y0": findings["ymin"],
                "x1": findings["xmax"],
                "y1": findings["ymax"],
                "kind": kinds,
            }
        )
    )
    return Tables(manifest=manifest, boxes=boxes, defects=_defects(images, findings, manifest))


def _kinds(text: str) -> str:
    """`"['Mass', 'Asymmetry']"` as "mass; asymmetry"."""
    return "; ".join(str(name).lower() for name in ast.literal_eval(text))


def _joined(kinds: "pd.Series[str]") -> str:
    return "; ".join(sorted({kind for text in kinds for kind in text.split("; ")}))


def _defects(
    images: pd.DataFrame, findings: pd.DataFrame, manifest: pd.DataFrame
) -> tuple[Defect, ...]:
    views = manifest[["exam_id", "side", "view"]].duplicated(keep=False)
    corners = findings[_CORNERS].astype("float64")
    size = images.set_index("image_id")[["height", "width"]].astype("float64")
    size = size.loc[findings["image_id"]].set_index(findings.index)
    outside = (corners[["xmin", "ymin"]] < 0).any(axis=1)
    outside |= (corners["xmax"] > size["width"]) | (corners["ymax"] > size["height"])
    high = manifest["birads"].isin(["3", "4", "5"])
    unmarked = high & ~manifest["image_id"].isin(findings["image_id"])
    grades = manifest.groupby("exam_id")["density"].nunique()
    return (
        *make_defect(
            "view-twice",
            manifest.loc[views, "image_id"],
            lambda n: (
                f"{n} images share exam, side and view with another: one view was left twice "
                "and another is missing. Kept as they are."
            ),
        ),
        *make_defect(
            "boxes-outside",
            findings.loc[outside, "image_id"],
            lambda n: f"Boxes of {n} images reach beyond the image. Kept as they are.",
        ),
        *make_defect(
            "finding-without-birads",
            findings.loc[findings["finding_birads"].isna(), "image_id"],
            lambda n: f"{n} images have a box whose finding has no BI-RADS of its own.",
        ),
        *make_defect(
            "breast-positive-image-without-finding",
            manifest.loc[unmarked, "image_id"],
            lambda n: (
                f"{n} images of breasts assessed BI-RADS 3 or above show no finding "
                "themselves: the label was given to the breast and copied to both views."
            ),
        ),
        *make_defect(
            "density-differs",
            grades.index[grades > 1],
            lambda n: f"In {n} exams the two breasts have different densities.",
        ),
    )


ADAPTER = Adapter(
    name="vindr_mammo",
    title="VinDr-Mammo",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    expects=(
        f"{IMAGES_TABLE} and {FINDINGS_TABLE} beside the folder images/ with one folder per study, "
        "as downloaded from PhysioNet (version 1.0.0)."
    ),
    recognise=recognise,
    read=read,
    label_rules=(_at_least(4), _at_least(3), _at_least(5), BIRADS_RULE, DENSITY_RULE),
    population=Population.MIXED,
    reference_standard="BI-RADS opinion of two radiologists, a third where they disagreed",
    label_level=Level.BREAST,
    imaging="digital",
)
