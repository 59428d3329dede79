"""The eight density folders: one original a class and more, each turned and flipped six times."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.datasets.builders.drawn import texture, write_picture, write_text
from tests.datasets.builders.fixture import Fixture

#: originals per class; D4 malignant is one mammogram, as in the set this imitates
ORIGINALS = {
    "Density1Benign": 2,
    "Density1Malignant": 3,
    "Density2Benign": 1,
    "Density2Malignant": 3,
    "Density3Benign": 1,
    "Density3Malignant": 2,
    "Density4Benign": 1,
    "Density4Malignant": 1,
}
COPIES = 6


def copies_of(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    turned = [np.rot90(image, quarter) for quarter in range(4)]
    return [np.ascontiguousarray(x) for x in (*turned, image[:, ::-1], image[::-1])]


def originals() -> list[tuple[str, int]]:
    """class and seed of each original."""
    classes = [name for name, count in ORIGINALS.items() for _ in range(count)]
    return [(name, 100 + seed) for seed, name in enumerate(classes)]


def build_by_pixels(folder: Path) -> None:
    """Names say nothing: only the pixels tell which files are copies."""
    number = 0
    for name, seed in originals():
        for copy in copies_of(texture(seed, (96, 96))):
            write_picture(folder / name / f"{number}.png", copy)
            number += 1


def build_by_name(folder: Path) -> None:
    """The challenge's form: a table, unlabelled test images, names with ids of INbreast."""
    rows = ["filename,label"]
    for name, seed in originals():
        for number, copy in enumerate(copies_of(texture(seed, (96, 96)))):
            file = f"{20586900 + seed}_{number}.png"
            write_picture(folder / "train" / file, copy)
            rows.append(f"{file},{name}")
    write_text(folder / "train/Training_set.csv", "\n".join(rows) + "\n")
    write_text(folder / "test/Testing_set.csv", "filename\n1.png\n")
    write_picture(folder / "test/1.png", texture(999, (96, 96)))


_LABELS = {
    "malignant": {"cancer": 54, "no cancer": 30},
    "density-pathology": {name: COPIES * count for name, count in ORIGINALS.items()},
    "density": {"A": 30, "B": 24, "C": 18, "D": 12},
}
_DEFECTS = {"copies-counted-as-images": 84, "no-patients": 84}
DENSITY_BY_PIXELS = Fixture(
    name="density-by-pixels",
    adapter="density_folders",
    build=build_by_pixels,
    images=84,
    labels=_LABELS,
    groups=14,
    needed="Density3Malignant",
    defects=_DEFECTS,
)
DENSITY_BY_NAME = Fixture(
    name="density-by-name",
    adapter="density_folders",
    build=build_by_name,
    images=84,
    labels=_LABELS,
    groups=14,
    needed="train/Training_set.csv",
    defects=_DEFECTS,
)
