"""VinDr-Mammo: 5,000 exams from Hanoi, each breast with a BI-RADS assessment by radiologists.

`breast-level_annotations.csv` has one row per image. `finding_annotations.csv` has one per finding,
so an image with two findings is in it twice: it serves for boxes only.
"""

import ast
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.datasets.adapters.adapter import (
    BIRADS_RULE,
    DENSITY_RULE,
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
from mammo_core.types import Level, Task

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


#: Finding categories as the data set names them, those that are rare and of no lesion together.
_FINDINGS: Final = {
    "mass": "mass",
    "suspicious calcification": "suspicious calcification",
    "asymmetry": "asymmetry",
    "focal asymmetry": "asymmetry",
    "global asymmetry": "asymmetry",
    "architectural distortion": "architectural distortion",
    "skin thickening": "skin, nipple or lymph node",
    "skin retraction": "skin, nipple or lymph node",
    "nipple retraction": "skin, nipple or lymph node",
    "suspicious lymph node": "skin, nipple or lymph node",
}
FINDING: Final = Task(
    name="finding",
    title="Kind of finding",
    classes=("no finding", *dict.fromkeys(_FINDINGS.values())),
    positive=tuple(dict.fromkeys(_FINDINGS.values())),
)
FINDING_RULE: Final = LabelRule(
    name="finding",
    title="The category of what is marked in the image; an image with several has no label.",
    task=FINDING,
    classes={name: name for name in FINDING.classes},
    reads="finding",
)


def recognise(folder: Path) -> Signs:
    return look_for(folder, IMAGES_TABLE, FINDINGS_TABLE, "images")


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    images = read_rows(
        folder / IMAGES_TABLE,
        inside=folder,
        columns=(
            *("study_id", "image_id", "laterality", "view_position", "height", "width"),
            *("breast_birads", "breast_density", "split"),
        ),
    )
    findings = read_rows(
        folder / FINDINGS_TABLE,
        inside=folder,
        columns=("image_id", "finding_categories", "finding_birads", *_CORNERS),
    )
    is_told = images["image_id"].isin(findings["image_id"])
    findings = findings[findings["xmin"].notna()]
    is_known = findings["image_id"].isin(images["image_id"])
    strange, findings = findings.loc[~is_known, "image_id"], findings[is_known]
    birads = images["breast_birads"].str.removeprefix("BI-RADS ")
    density = images["breast_density"].str.removeprefix("DENSITY ")
    kinds = findings["finding_categories"].map(_kinds)
    joined = kinds.groupby(findings["image_id"]).agg(_joined)
    lesion = images["image_id"].map(joined).astype("string")  # of no kind where no box is marked
    words = {
        "label": birads,
        "birads": birads,
        "density": density,
        "finding": lesion.map(_single, na_action="ignore")
        .astype("string")
        .where(lesion.notna(), pd.Series("no finding", index=lesion.index).where(is_told)),
    }
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": images["image_id"],
                "path": "images/" + images["study_id"] + "/" + images["image_id"] + ".dicom",
                "exam_id": images["study_id"],
                "side": images["laterality"],
                "view": images["view_position"],
                "label": rule.label(words[rule.reads]),
                "split": images["split"].map(_SPLITS),
                "density": density,
                "birads": birads,
                "lesion": lesion,
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
    defects = (
        *_defects(images, findings, manifest),
        *make_defect(
            "finding-of-no-image",
            strange.drop_duplicates(),
            lambda n: (
                f"{n} images that {FINDINGS_TABLE} marks are not in {IMAGES_TABLE}. Left out."
            ),
        ),
    )
    return Tables(manifest=manifest, boxes=boxes, defects=defects)


def _kinds(text: str) -> str:
    """`"['Mass', 'Asymmetry']"` as "mass; asymmetry"."""
    return "; ".join(str(name).lower() for name in ast.literal_eval(text))


def _single(kinds: str) -> str | None:
    """The one category of "focal asymmetry; asymmetry", which are one to `_FINDINGS`; else None."""
    found = {_FINDINGS.get(kind, kind) for kind in kinds.split("; ")}
    return found.pop() if len(found) == 1 else None


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
    label_rules=(_at_least(4), _at_least(3), _at_least(5), BIRADS_RULE, DENSITY_RULE, FINDING_RULE),
    population=Population.MIXED,
    reference_standard="BI-RADS opinion of two radiologists, a third where they disagreed",
    label_level=Level.BREAST,
    imaging="digital",
)
