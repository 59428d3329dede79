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
    rows = ["path,patient_id,side,view,label,split,scanner,lesion,density,birads"]
    boxes = ["image_id,x0,y0,x1,y1,kind"]
    for woman in range(4):
        for side in ("left", "right"):
            path = f"images/{woman}_{side}.png"
            write_picture(folder / path, texture(10 * woman + len(side)))
            split = "training" if woman < 3 else "test"
            label, kind = _found(woman, side)
            rows.append(f"{path},W{woman},{side},cc,{label},{split},x,{kind},{'abcd'[woman]},2")
            if kind:
                boxes.append(f"{path},10,20,40.5,60,{kind}")
    write_text(folder / "manifest.csv", "\n".join(rows) + "\n")
    write_text(folder / "boxes.csv", "\n".join(boxes) + "\n")


def _found(woman: int, side: str) -> tuple[str, str]:
    """The label and the lesion of a breast: a known one, an unknown one, or nothing there."""
    if side == "right":
        return ("0", "")
    return {0: ("", "mass"), 1: ("Malignant", "mass"), 2: ("benign", "calcification")}.get(
        woman, ("malignant", "mass; calcification")
    )


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
    labels={
        "as-written": {"cancer": 2, "no cancer": 5},
        "malignant-or-benign": {"cancer": 2, "no cancer": 1},
        "lesion": {"lesion": 4, "no lesion": 4},
        "lesion-kind": {"mass": 2, "calcification": 1},
        "density": {"A": 2, "B": 2, "C": 2, "D": 2},
        "birads": {"2": 8},
    },
    groups=4,
    needed="manifest.csv",
    boxes=4,
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
