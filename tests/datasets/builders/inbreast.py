"""INbreast in little: patient ids removed, women told apart by the names of the DICOM files."""

import plistlib
from pathlib import Path

from tests.datasets.builders.drawn import texture, write_dicom, write_text
from tests.datasets.builders.fixture import Fixture

HEADER = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"

#: woman, image, side, view, ACR, BI-RADS. One density is blank.
IMAGES = [
    ("c4b995eddb3c510c", 22678622, "R", "CC", "4", "1"),
    ("c4b995eddb3c510c", 22678646, "L", "CC", "4", "4a"),
    ("c4b995eddb3c510c", 22678670, "R", "MLO", "4", "1"),
    ("d713ef5849f98b6c", 20586908, "L", "CC", "2", "6"),
    ("d713ef5849f98b6c", 20586934, "L", "MLO", "2", "6"),
    ("036aff49b8ac84f0", 20587054, "R", "FB", "", "3"),
]
NO_FILE = 53586896


def build(folder: Path) -> None:
    rows = [HEADER]
    for woman, image, side, view, density, birads in IMAGES:
        named = "ML" if view == "MLO" else "CC"
        name = f"{image}_{woman}_MG_{side}_{named}_ANON.dcm"
        write_dicom(folder / "AllDICOMs" / name, texture(image % 2**31), side=side, view=view)
        rows.append(f"removed;removed;{side};{view};201001;{image};{density};{birads}")
    write_text(folder / "INbreast.csv", "\r\n".join(rows) + "\r\n")
    outlines = {
        "Images": [
            {
                "ImageIndex": 0,
                "NumberOfROIs": 2,
                "ROIs": [
                    {"Name": "Mass", "Point_px": ["(10.0, 20.0)", "(30.5, 22.0)", "(20, 40)"]},
                    {"Name": "Calcification", "Point_px": ["(50.000000, 60.000000)"]},
                ],
            }
        ]
    }
    (folder / "AllXML").mkdir()
    (folder / "AllXML" / "20586908.xml").write_bytes(plistlib.dumps(outlines))
    write_text(folder / "AllXML" / "22678646.xml", "<plist><broken")


INBREAST = Fixture(
    name="inbreast",
    adapter="inbreast",
    build=build,
    images=6,
    labels={
        "birads-4a": {"suspicious": 3, "not suspicious": 3},
        "birads-3": {"suspicious": 4, "not suspicious": 2},
        "birads-5": {"suspicious": 2, "not suspicious": 4},
        "density": {"B": 2, "D": 3},
        "birads": {"1": 2, "3": 1, "4": 1},
    },
    groups=3,
    needed="AllDICOMs",
    boxes=2,
    defects={"patient-ids-removed": 6, "density-missing": 1, "outline-unreadable": 1},
)
