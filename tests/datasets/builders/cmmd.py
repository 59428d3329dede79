"""CMMD in little: the view is only in a code, unbiopsied breasts have no row, two women are one."""

from pathlib import Path

import openpyxl

from tests.datasets.builders.drawn import texture, write_dicom
from tests.datasets.builders.fixture import Fixture

SHEET = "CMMD_clinicaldata_revision.xlsx"
HEADER = ["ID1", "LeftRight", "Age", "number", "abnormality", "classification", "subtype"]
ROWS = [
    ["D1-0001", "L", 44, 2, "mass", "Benign", None],
    ["D1-0002", "R", 51, 2, "both", "Malignant", None],
    ["D1-0003", "L", 60, 2, "calcification", "Malignant", None],
    ["D1-0003", "R", 60, 2, "mass", "Benign", None],
    ["D1-0202", "L", 47, 2, "mass", "Benign", None],
    ["D1-0808", "R", 39, 2, "mass", "Benign", None],
    ["D1-1292", "R", 39, 2, "mass", "Malignant", None],
    ["D2-0001", "L", 55, 2, "mass", "Malignant", "Luminal A"],
    ["D2-0284", "L", 47, 2, "mass", "Benign", None],
]

#: patient -> sides that were imaged, each in CC and MLO. D1-0001 has an unbiopsied right breast.
SIDES = {
    "D1-0001": "LR",
    "D1-0002": "R",
    "D1-0003": "LR",
    "D1-0202": "LR",
    "D1-0808": "R",
    "D1-1292": "R",
    "D2-0001": "L",
    "D2-0284": "LR",
}
SAME = {"D2-0284": "D1-0202"}


def build(folder: Path) -> None:
    write_sheet(folder / SHEET)
    for patient, sides in SIDES.items():
        place = folder / "CMMD" / patient / "07-18-2010-78873" / "1.000000-68100"
        for number, (side, view) in enumerate(((s, v) for s in sides for v in ("CC", "MLO")), 1):
            write_dicom(
                place / f"1-{number}.dcm",
                texture(seed_of(patient, side, view)),
                side=side,
                view=view,
                is_view_coded_only=True,
                voi_function="SIGMOID",
            )


def seed_of(patient: str, side: str, view: str) -> int:
    if (patient, side, view) == ("D1-1292", "R", "CC"):
        patient = "D1-0808"
    return sum(n * ord(c) for n, c in enumerate(SAME.get(patient, patient) + side + view, 1))


def write_sheet(path: Path, rows: list[list[object]] = ROWS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    for row in [HEADER, *rows]:
        book.active.append(row)
    book.save(path)


CMMD = Fixture(
    name="cmmd",
    adapter="cmmd",
    build=build,
    images=20,  # 24 files, four of them a copy
    labels={
        "biopsy": {"cancer": 6, "no cancer": 6},
        "lesion-kind": {"mass": 8, "calcification": 2},
        "subtype": {"luminal A": 2},
    },
    groups=6,
    needed=SHEET,
    defects={"same-images-twice": 4, "contradictory-labels": 4, "breasts-without-row": 4},
)
