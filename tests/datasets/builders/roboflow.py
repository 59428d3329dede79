"""Roboflow exports: class folders, a `_classes.csv`, and one of RSNA images with their table."""

from pathlib import Path

import numpy as np

from tests.datasets.builders import rsna
from tests.datasets.builders.drawn import texture, write_picture, write_text
from tests.datasets.builders.fixture import Fixture

README = """
mammograms - v3 2023-05-02 11:04am
==============================

This dataset was exported via roboflow.com on May 2, 2023 at 2:05 PM GMT

The dataset includes 8 images.
Breasts are annotated in folder format.

The following pre-processing was applied to each image:
* Auto-orientation of pixel data (with EXIF-orientation stripping)
* Resize to 224x224 (Stretch)

The following augmentation was applied to create 2 versions of each source image:
* 50% probability of horizontal flip
"""

#: split, class, upload, how it was augmented. Upload a3 is in train and valid; upload a1 twice.
FILES = [
    ("train", "Benign", "a1", "no"),
    ("train", "Benign", "a1", "flip"),
    ("train", "Malignant", "a2", "no"),
    ("train", "Malignant", "a2", "flip"),
    ("train", "Benign", "a3", "no"),
    ("valid", "Malignant", "a4", "no"),
    ("test", "Benign", "a5", "no"),
    ("test", "Malignant", "a6", "no"),
]


def exported(upload: str, number: int) -> str:
    return f"{upload}_jpg.rf.{number:032x}.jpg"


def build_folders(folder: Path) -> None:
    write_text(folder / "README.roboflow.txt", README)
    for number, (split, name, upload, augmented) in enumerate(FILES):
        image = texture(ord(upload[1]))
        image = image if augmented == "no" else np.ascontiguousarray(image[:, ::-1])
        write_picture(folder / split / name / exported(upload, number), image)


def build_csv(folder: Path) -> None:
    write_text(folder / "README.dataset.txt", README)
    tables: dict[str, list[str]] = {}
    for number, (split, name, upload, _) in enumerate(FILES):
        write_picture(folder / split / exported(upload, number), texture(number))
        flags = "1, 0" if name == "Benign" else "0, 1"
        tables.setdefault(split, ["filename, benign, malignant"]).append(
            f"{exported(upload, number)}, {flags}"
        )
    for split, rows in tables.items():
        write_text(folder / split / "_classes.csv", "\n".join(rows) + "\n")


def build_rsna(folder: Path) -> None:
    """No split folders; one image lies in the folder its row of the table contradicts."""
    write_text(folder / "train.csv", "\n".join([rsna.HEADER, *map(rsna.row, rsna.IMAGES)]) + "\n")
    for place, (_, patient, number, _, _, _, cancer, _, _) in enumerate(rsna.IMAGES):
        name = "malignant" if cancer or place == 9 else "benign"
        file = f"{patient}_{number}_png.rf.{place:032x}.jpg"
        write_picture(folder / name / file, texture(number % 2**31))


def build_rsna_names(folder: Path) -> None:
    """The same without the table: women are known, nothing else is."""
    build_rsna(folder)
    (folder / "train.csv").unlink()


ROBOFLOW = Fixture(
    name="roboflow-folders",
    adapter="roboflow",
    build=build_folders,
    images=8,
    labels={
        "folder": {"cancer": 4, "no cancer": 4},
        "normal-benign-malignant": {"benign": 4, "cancer": 4},
    },
    groups=6,
    needed="train",
    splits={"train": 5, "val": 1, "test": 2},
    defects={"augmented-copies": 4, "no-patients": 8},
)
ROBOFLOW_CSV = Fixture(
    name="roboflow-csv",
    adapter="roboflow",
    build=build_csv,
    images=8,
    labels={
        "folder": {"cancer": 4, "no cancer": 4},
        "normal-benign-malignant": {"benign": 4, "cancer": 4},
    },
    groups=6,
    needed="train",
    splits={"train": 5, "val": 1, "test": 2},
    defects={"augmented-copies": 4, "no-patients": 8},
)
ROBOFLOW_RSNA = Fixture(
    name="roboflow-rsna",
    adapter="rsna_export",
    build=build_rsna,
    images=10,
    labels={"folder": {"cancer": 3, "no cancer": 7}, "density": {"B": 4, "C": 2}},
    groups=3,
    needed="benign",
    defects={"density-missing": 4, "age-missing": 2, "folder-against-table": 1},
)
ROBOFLOW_RSNA_NAMES = Fixture(
    name="roboflow-rsna-names",
    adapter="roboflow",
    build=build_rsna_names,
    images=10,
    labels={
        "folder": {"cancer": 3, "no cancer": 7},
        "normal-benign-malignant": {"benign": 7, "cancer": 3},
    },
    groups=3,
    needed="benign",
)
