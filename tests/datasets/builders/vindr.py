"""VinDr-Mammo in little: three exams, with the traps of the original."""

from pathlib import Path

from tests.datasets.builders.drawn import texture, write_dicom, write_text
from tests.datasets.builders.fixture import Fixture

STUDIES = ("a" * 32, "b" * 32, "dbca9d28" + "c" * 24)
LEADING = "study_id,series_id,image_id,laterality,view_position,height,width"

#: study, side, view, BI-RADS, density, split. The third exam has its left CC twice, no left MLO.
IMAGES = [
    (0, "L", "CC", 1, "B", "training"),
    (0, "L", "MLO", 1, "B", "training"),
    (0, "R", "CC", 4, "C", "training"),
    (0, "R", "MLO", 4, "C", "training"),
    (1, "L", "CC", 2, "B", "training"),
    (1, "L", "MLO", 2, "B", "training"),
    (1, "R", "CC", 3, "B", "training"),
    (1, "R", "MLO", 3, "B", "training"),
    (2, "L", "CC", 5, "D", "test"),
    (2, "L", "CC", 5, "D", "test"),
    (2, "R", "CC", 1, "D", "test"),
    (2, "R", "MLO", 1, "D", "test"),
]

#: image, categories, BI-RADS of the finding, box. Image 2 has two findings; one box leaves the
#: image, one has no BI-RADS; the breast of image 7 is BI-RADS 3 but the image shows nothing.
FINDINGS = [
    (2, "['Mass']", "BI-RADS 4", "-3.5,10,20,30"),
    (2, "['Suspicious Calcification', 'Mass']", "BI-RADS 4", "30,40,50,60"),
    (3, "['Mass']", "", "5,5,25,25"),
    (6, "['Asymmetry']", "BI-RADS 3", "10,10,40,40"),
    (8, "['Mass']", "BI-RADS 5", "1,2,3,4"),
    (9, "['Mass']", "BI-RADS 5", "1,2,3,4"),
]


def image_id(number: int) -> str:
    return f"{number:032x}"


def build(folder: Path) -> None:
    images, findings = [], []
    for number, (study, side, view, birads, density, split) in enumerate(IMAGES):
        path = folder / "images" / STUDIES[study] / f"{image_id(number)}.dicom"
        write_dicom(path, texture(number), side=side, view=view)
        leading = f"{STUDIES[study]},{'f' * 32},{image_id(number)},{side},{view},96,72"
        common = f"BI-RADS {birads},DENSITY {density}"
        images.append(f"{leading},{common},{split}")
        found = [finding for finding in FINDINGS if finding[0] == number]
        findings += [
            f'{leading},{common},"{categories}",{grade},{box},{split}'
            for _, categories, grade, box in found
        ]
        if not found:
            findings.append(f"{leading},{common},\"['No Finding']\",,,,,,{split}")
    header = f"{LEADING},breast_birads,breast_density,split"
    write_text(folder / "breast-level_annotations.csv", "\n".join([header, *images]) + "\n")
    header = (
        f"{LEADING},breast_birads,breast_density,finding_categories,finding_birads,"
        "xmin,ymin,xmax,ymax,split"
    )
    write_text(folder / "finding_annotations.csv", "\n".join([header, *findings]) + "\n")


VINDR = Fixture(
    name="vindr",
    adapter="vindr_mammo",
    build=build,
    images=12,
    labels={
        "birads-3": {"suspicious": 6, "not suspicious": 6},
        "birads-4": {"suspicious": 4, "not suspicious": 8},
        "birads-5": {"suspicious": 2, "not suspicious": 10},
        "birads": {"1": 4, "2": 2, "3": 2, "4": 2, "5": 2},
        "density": {"B": 6, "C": 2, "D": 4},
        "finding": {"no finding": 7, "mass": 3, "asymmetry": 1},
    },
    groups=3,
    needed="breast-level_annotations.csv",
    boxes=6,
    splits={"train": 8, "test": 4},
    defects={
        "view-twice": 2,
        "boxes-outside": 1,
        "finding-without-birads": 1,
        "breast-positive-image-without-finding": 1,
        "density-differs": 1,
    },
)
