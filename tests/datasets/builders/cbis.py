"""CBIS-DDSM in little, as TCIA and as Kaggle have it, with the traps of the original."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.datasets.builders.drawn import (
    SIZE,
    mask,
    texture,
    write_dicom,
    write_picture,
    write_text,
)
from tests.datasets.builders.fixture import Fixture

HEADERS = {
    "mass": (
        "patient_id,breast_density,left or right breast,image view,abnormality id,"
        "abnormality type,mass shape,mass margins,assessment,pathology,subtlety,"
        "image file path,cropped image file path,ROI mask file path"
    ),
    "calc": (
        "patient_id,breast density,left or right breast,image view,abnormality id,"
        "abnormality type,calc type,calc distribution,assessment,pathology,subtlety,"
        "image file path,cropped image file path,ROI mask file path"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Lesion:
    kind: str
    split: str
    patient: str
    side: str
    view: str
    number: int
    pathology: str
    box: tuple[int, int, int, int]
    density: int = 2
    is_swapped: bool = False  # the table names the crop where the mask is
    mask_scale: int = 1  # the mask is this many times smaller than the image

    @property
    def image_key(self) -> str:
        kind = {"mass": "Mass", "calc": "Calc"}[self.kind]
        split = {"train": "Training", "test": "Test"}[self.split]
        return f"{kind}-{split}_{self.patient}_{self.side}_{self.view}"

    @property
    def key(self) -> str:
        return f"{self.image_key}_{self.number}"


def _lesion(
    kind: str, split: str, patient: int, side: str, view: str, number: int, pathology: str
) -> Lesion:
    return Lesion(
        kind=kind,
        split=split,
        patient=f"P_{patient:05d}",
        side=side,
        view=view,
        number=number,
        pathology=pathology,
        box=(10 + number, 20, 24 + number, 40),
    )


#: One image with a malignant and a benign lesion; one woman in mass-train and calc-test; one image
#: stored under a mass and a calcification; one mask at half size and a density of 0.
LESIONS = [
    _lesion("mass", "train", 1, "LEFT", "CC", 1, "MALIGNANT"),
    _lesion("mass", "train", 1, "LEFT", "CC", 2, "BENIGN"),
    _lesion("mass", "train", 1, "LEFT", "MLO", 1, "MALIGNANT"),
    Lesion(
        kind="mass",
        split="train",
        patient="P_00002",
        side="RIGHT",
        view="MLO",
        number=1,
        pathology="BENIGN",
        box=(5, 6, 15, 26),
        is_swapped=True,
    ),
    _lesion("mass", "train", 3, "LEFT", "CC", 1, "BENIGN"),
    _lesion("calc", "test", 3, "LEFT", "CC", 1, "BENIGN"),
    _lesion("mass", "train", 4, "RIGHT", "CC", 1, "BENIGN_WITHOUT_CALLBACK"),
    _lesion("calc", "train", 4, "RIGHT", "CC", 1, "BENIGN_WITHOUT_CALLBACK"),
    Lesion(
        kind="calc",
        split="test",
        patient="P_00005",
        side="LEFT",
        view="MLO",
        number=1,
        pathology="MALIGNANT",
        box=(8, 12, 20, 30),
        density=0,
        mask_scale=2,
    ),
    _lesion("mass", "test", 6, "LEFT", "CC", 1, "BENIGN"),
]


def series_of(key: str, what: str) -> str:
    return f"1.3.6.1.{sum(map(ord, key + what))}.{len(key)}"


def write_tables(place: Path, lesions: Sequence[Lesion]) -> None:
    """A newline stands inside the quotes of the mask's path of a mass, the crop's of a calc."""
    for kind in ("mass", "calc"):
        for split in ("train", "test"):
            rows = [HEADERS[kind]]
            rows += [_row(x) for x in lesions if (x.kind, x.split) == (kind, split)]
            write_text(place / f"{kind}_case_description_{split}_set.csv", "\n".join(rows) + "\n")


def _row(lesion: Lesion) -> str:
    image = f"{lesion.image_key}/1.2.3/{series_of(lesion.image_key, 'image')}/000000.dcm"
    crop, masked = _names(lesion)
    place = f"{lesion.key}/1.2.4"
    crop = f"{place}/{series_of(lesion.key, crop)}/{crop}"
    masked = f"{place}/{series_of(lesion.key, masked)}/{masked}"
    crop, masked = (crop, f'"{masked}\n"') if lesion.kind == "mass" else (f'"{crop}\n"', masked)
    kind = "mass" if lesion.kind == "mass" else "calcification"
    return (
        f"{lesion.patient},{lesion.density},{lesion.side},{lesion.view},{lesion.number},{kind},"
        f"X,NA,4,{lesion.pathology},3,{image},{crop},{masked}"
    )


def _names(lesion: Lesion) -> tuple[str, str]:
    """Names of crop and mask in the table: the other way round for calcifications."""
    names = ("000000.dcm", "000001.dcm") if lesion.kind == "mass" else ("000001.dcm", "000000.dcm")
    return (names[1], names[0]) if lesion.is_swapped else names


def image_of(lesion: Lesion) -> NDArray[np.uint8]:
    """The same film whether it is stored under a mass or a calcification."""
    return texture(sum(map(ord, f"{lesion.patient}{lesion.side}{lesion.view}")))


def pieces_of(lesion: Lesion) -> dict[str, NDArray[np.uint8]]:
    """File name -> pixels of the two files of a lesion, as they truly are."""
    x0, y0, x1, y1 = lesion.box
    crop = image_of(lesion)[y0:y1, x0:x1]
    drawn = mask(SIZE, lesion.box)[:: lesion.mask_scale, :: lesion.mask_scale]
    crop_name, mask_name = _names(lesion)
    if lesion.is_swapped:
        crop_name, mask_name = mask_name, crop_name
    return {crop_name: crop, mask_name: drawn}


def build_dicom(folder: Path) -> None:
    write_tables(folder, LESIONS)
    tree = folder / "CBIS-DDSM"
    for lesion in LESIONS:
        series = series_of(lesion.image_key, "image")
        write_dicom(tree / lesion.image_key / "1.2.3" / series / "000000.dcm", image_of(lesion))
        for name, pixels in pieces_of(lesion).items():
            # both files of a lesion lie in one folder here, whatever series the table names
            write_dicom(
                tree / lesion.key / "1.2.4" / series_of(lesion.key, "000000.dcm") / name, pixels
            )


def build_jpeg(folder: Path, lesions: Sequence[Lesion] = LESIONS) -> None:
    write_tables(folder / "csv", lesions)
    rows = ["file_path,image_path,PatientID,SeriesDescription,SeriesInstanceUID"]
    written = set()
    for number, lesion in enumerate(lesions):
        series = series_of(lesion.image_key, "image")
        if lesion.image_key not in written:
            written.add(lesion.image_key)
            rows.append(
                _write_jpeg(folder, lesion.image_key, series, "1-204.jpg", image_of(lesion))
            )
        for name, pixels in pieces_of(lesion).items():
            file = f"{number + 1}-{name[5]}99.jpg"
            rows.append(_write_jpeg(folder, lesion.key, series_of(lesion.key, name), file, pixels))
    write_text(folder / "csv/dicom_info.csv", "\n".join(rows) + "\n")


def _write_jpeg(folder: Path, key: str, series: str, name: str, pixels: NDArray[np.uint8]) -> str:
    """The row of dicom_info.csv; its image path begins with a folder that is not in the tree."""
    write_picture(folder / "jpeg" / series / name, pixels)
    return f"CBIS-DDSM/dicom/{series}/{name},CBIS-DDSM/jpeg/{series}/{name},{key},,{series}"


def _fixture(name: str, needed: str, *, is_dicom: bool) -> Fixture:
    return Fixture(
        name=name,
        adapter="cbis_ddsm",
        build=build_dicom if is_dicom else build_jpeg,
        images=7,
        labels={
            "pathology": {"cancer": 3, "no cancer": 4},
            "kind-and-pathology": {
                "malignant mass": 2,
                "benign mass": 2,
                "malignant calcification": 1,
                "benign calcification": 1,
            },
            "lesion-kind": {"mass": 4, "calcification": 2},
            "density": {"B": 6},
            "birads": {"4": 7},
        },
        groups=6,
        needed=needed,
        boxes=9,
        splits={"train": 4, "test": 3},
        defects={
            "women-in-both-splits": 1,
            "lesion-rows": 2,
            "image-in-two-folders": 1,
            "benign-and-malignant": 1,
            "density-zero": 1,
            "crop-and-mask-swapped": 1,
        },
    )


CBIS_DICOM = _fixture("cbis-dicom", "mass_case_description_test_set.csv", is_dicom=True)
CBIS_JPEG = _fixture("cbis-jpeg", "csv/calc_case_description_train_set.csv", is_dicom=False)
