"""Detection exports of the same six images: as Roboflow's YOLO, and as its COCO."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.datasets.builders.drawn import SIZE, texture, write_picture, write_text
from tests.datasets.builders.fixture import Fixture

NAMES = ("Benign Mass", "Malignant Mass", "Malignant Calcification")
#: split, name, boxes as (class, x0, y0, x1, y1) in pixels; None: no file of labels.
IMAGES: list[tuple[str, str, list[tuple[int, int, int, int, int]] | None]] = [
    ("train", "a1_jpg.rf.0001.jpg", [(0, 9, 24, 18, 36)]),
    ("train", "a1_jpg.rf.0002.jpg", [(0, 9, 24, 18, 36)]),
    ("train", "a2_jpg.rf.0003.jpg", [(1, 36, 48, 54, 60), (2, 0, 0, 9, 12)]),
    ("train", "a3_jpg.rf.0004.jpg", []),
    ("valid", "a4_jpg.rf.0005.jpg", [(2, 18, 24, 36, 48)]),
    ("test", "a5_jpg.rf.0006.jpg", None),
]


def build_yolo(folder: Path) -> None:
    height, width = SIZE
    names = "\n".join(f"- {name}" for name in NAMES)
    write_text(folder / "data.yaml", f"train: ../train/images\nnc: 3\nnames:\n{names}\nroboflow:\n")
    for number, (split, name, boxes) in enumerate(IMAGES):
        write_picture(folder / split / "images" / name, texture(number))
        if boxes is None:
            continue
        lines = [
            f"{c} {(x0 + x1) / 2 / width} {(y0 + y1) / 2 / height} "
            f"{(x1 - x0) / width} {(y1 - y0) / height}"
            for c, x0, y0, x1, y1 in boxes
        ]
        write_text((folder / split / "labels" / name).with_suffix(".txt"), "\n".join(lines))


def build_coco(folder: Path) -> None:
    parts: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for number, (split, name, boxes) in enumerate(IMAGES):
        write_picture(folder / split / name, texture(number))
        part = parts.setdefault(split, {"images": [], "annotations": [], "categories": []})
        part["categories"] = [{"id": c + 1, "name": one} for c, one in enumerate(NAMES)]
        part["images"].append({"id": number, "file_name": name, "height": 96, "width": 72})
        part["annotations"] += [
            {"id": k, "image_id": number, "category_id": c + 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            for k, (c, x0, y0, x1, y1) in enumerate(boxes or [])
        ]
    for split, part in parts.items():
        write_text(folder / split / "_annotations.coco.json", json.dumps(part))


_LABELS = {
    "lesion": {"lesion": 4, "no lesion": 2},
    "box-class": {"cancer": 2, "no cancer": 2},
    "lesion-kind": {"mass": 2, "calcification": 1},
}
YOLO = Fixture(
    name="yolo",
    adapter="detection",
    build=build_yolo,
    images=6,
    labels=_LABELS,
    groups=5,
    needed="train",
    boxes=5,
    splits={"train": 4, "val": 1, "test": 1},
    defects={"augmented-copies": 2, "no-label-file": 1, "no-patients": 6},
)
COCO = replace(
    YOLO,
    name="coco",
    build=build_coco,
    defects={"augmented-copies": 2, "no-patients": 6},
)
