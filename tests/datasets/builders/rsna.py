"""RSNA 2022 in little: two sites, one of which never tells density, an age missing."""

from pathlib import Path

from tests.datasets.builders.drawn import texture, write_dicom, write_text
from tests.datasets.builders.fixture import Fixture

HEADER = (
    "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,"
    "density,machine_id,difficult_negative_case"
)

#: site, patient, image, side, view, age, cancer, density, machine
IMAGES = [
    (1, 10006, 462822612, "L", "CC", "61.0", 0, "B", 29),
    (1, 10006, 1459541791, "L", "MLO", "61.0", 0, "B", 29),
    (1, 10006, 1864590858, "R", "MLO", "61.0", 1, "B", 29),
    (1, 10006, 1874946579, "R", "CC", "61.0", 1, "B", 29),
    (2, 10011, 220375232, "L", "CC", "55.0", 0, "", 21),
    (2, 10011, 270344397, "L", "MLO", "55.0", 0, "", 21),
    (2, 10011, 541722628, "R", "CC", "55.0", 0, "", 21),
    (2, 10011, 632973021, "R", "MLO", "55.0", 0, "", 21),
    (1, 10025, 562340703, "L", "CC", "", 0, "C", 49),
    (1, 10025, 1365269360, "R", "CC", "", 0, "C", 49),
]


def row(image: tuple[object, ...]) -> str:
    site, patient, number, side, view, age, cancer, density, machine = image
    return (
        f"{site},{patient},{number},{side},{view},{age},{cancer},{cancer},{cancer},,0,"
        f"{density},{machine},False"
    )


def build(folder: Path) -> None:
    write_text(folder / "train.csv", "\n".join([HEADER, *map(row, IMAGES)]) + "\n")
    for _, patient, number, side, view, *_ in IMAGES:
        path = folder / "train_images" / str(patient) / f"{number}.dcm"
        write_dicom(path, texture(number % 2**31), side=side, view=view)


RSNA = Fixture(
    name="rsna",
    adapter="rsna_2022",
    build=build,
    images=10,
    labels={"cancer": {"cancer": 2, "no cancer": 8}, "density": {"B": 4, "C": 2}},
    groups=3,
    needed="train.csv",
    defects={"density-missing": 4, "age-missing": 2},
)
