"""Mini-DDSM in little: backslashes, a status that is the woman's, case numbers that repeat."""

from pathlib import Path

import openpyxl

from tests.datasets.builders.drawn import SIZE, mask, texture, write_picture
from tests.datasets.builders.fixture import Fixture

HEADER = [
    *("fullPath", "fileName", "View", "Side", "Status"),
    *("Tumour_Contour", "Tumour_Contour2", "Age", "Density"),
]
TREE = "MINI-DDSM-Complete-JPEG-8"

#: folder, case, prefix, sides with a drawn tumour. Case 0029 is in two folders: two women.
CASES = [
    ("Normal", "0101", "D", ""),
    ("Benign", "0029", "C", ""),
    ("Cancer", "0029", "A", "LEFT"),
    ("Cancer", "0493", "A", "RIGHT"),
]


def build(folder: Path) -> None:
    rows: list[list[object]] = []
    for number, (status, case, prefix, drawn) in enumerate(CASES):
        for side in ("LEFT", "RIGHT"):
            for view in ("CC", "MLO"):
                name = f"{prefix}_{case}_1.{side}_{view}.jpg"
                place = folder / TREE / status / case
                seed = 10 * number + 2 * (side == "LEFT") + (view == "CC")
                write_picture(place / name, texture(seed))
                contour = "-"
                if side == drawn:
                    contour = f"{status}\\{case}\\{name.removesuffix('.jpg')}_Mask.jpg"
                    write_picture(place / contour.split("\\")[-1], mask(SIZE, (10, 20, 30, 44)))
                path = f"{status}\\{case}\\{name}"
                density = 0 if case == "0101" else 2
                rows.append([path, name, view, side, status, contour, "-", 57, density])
    book = openpyxl.Workbook()
    book.active.title = "Read me"
    sheet = book.create_sheet("Data")
    for row in [HEADER, *rows]:
        sheet.append(row)
    book.save(folder / "DataWMask.xlsx")


MINI_DDSM = Fixture(
    name="mini-ddsm",
    adapter="mini_ddsm",
    build=build,
    images=16,
    labels={"tumour": {"cancer": 4, "no cancer": 8}},
    groups=4,
    needed="DataWMask.xlsx",
    boxes=4,
    defects={"other-breast-of-cancer": 4, "density-zero": 4},
)
