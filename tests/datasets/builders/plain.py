"""The layouts anybody can make: class folders, a manifest of one's own, and our phantoms."""

from pathlib import Path

from tests.datasets.builders.drawn import texture, write_picture, write_text
from tests.datasets.builders.fixture import Fixture
from tests.phantoms import put_phantoms


def build_class_folders(folder: Path) -> None:
    for split in ("train", "test"):
        for name in ("benign", "malignant", "normal"):
            for number in range(2):
                seed = sum(map(ord, split + name)) * 2 + number
                write_picture(folder / split / name / f"{number}.png", texture(seed))


def build_csv(folder: Path) -> None:
    rows = ["path,patient_id,side,view,label,split,scanner"]
    for woman in range(4):
        for side in ("left", "right"):
            path = f"images/{woman}_{side}.png"
            write_picture(folder / path, texture(10 * woman + len(side)))
            split = "training" if woman < 3 else "test"
            rows.append(f"{path},W{woman},{side},cc,{int(woman % 2 and side == 'left')},{split},x")
    write_text(folder / "manifest.csv", "\n".join(rows) + "\n")


def build_phantoms(folder: Path) -> None:
    put_phantoms(folder, women=6, seed=1, size=(128, 64))


CLASS_FOLDERS = Fixture(
    name="class-folders",
    adapter="class_folders",
    build=build_class_folders,
    images=12,
    labels={
        "folder": {"cancer": 4, "no cancer": 8},
        "normal-benign-malignant": {"normal": 4, "benign": 4, "cancer": 4},
    },
    groups=12,
    needed="train",
    splits={"train": 6, "test": 6},
    defects={"no-patients": 12},
)
CSV = Fixture(
    name="csv",
    adapter="csv_folder",
    build=build_csv,
    images=8,
    labels={"as-written": {"cancer": 2, "no cancer": 6}},
    groups=4,
    needed="manifest.csv",
    splits={"train": 6, "test": 2},
)
PHANTOMS = Fixture(
    name="phantoms",
    adapter="phantom_set",
    build=build_phantoms,
    images=24,
    labels={"lesion": {"cancer": 4, "no cancer": 20}},
    groups=6,
    needed="phantom.json",
    boxes=4,
)
