"""Detection exports: images with boxes, as YOLO (a .txt per image) or COCO (a JSON), perhaps with
Roboflow's file names. Boxes come out in pixels of the stored image, under the name of their class.

YOLO says by its format that an image without a .txt, or with an empty one, holds nothing.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.datasets.adapters import class_folders, roboflow
from mammo_core.datasets.adapters.adapter import (
    HOLDS_BOX,
    LESION_KIND_RULE,
    Adapter,
    Defect,
    LabelRule,
    Population,
    Signs,
    Tables,
)
from mammo_core.datasets.adapters.class_folders import SPLITS
from mammo_core.datasets.adapters.layout import (
    content_of,
    is_inside,
    list_images,
    make_defect,
    require,
)
from mammo_core.errors import TableError
from mammo_core.preprocessing.reading.messages import Peek
from mammo_core.preprocessing.reading.peek import peek
from mammo_core.records import damage_in_words
from mammo_core.tables import BOX_COLUMNS, check_boxes, check_manifest
from mammo_core.types import CANCER, Box, Level

NAMES_FILE: Final = "data.yaml"
_COCO: Final = ("_annotations.coco.json", "*/_annotations.coco.json", "annotations/*.json")
_LABELS: Final = ("labels/*.txt", "*/labels/*.txt", "labels/*/*.txt")
_MOST_BYTES: Final = 2**28  # of a JSON or a list of names: far more than any set needs
_LONGEST_NAME: Final = 1000  # characters of a path
_CANCER: Final = re.compile(r"malign|cancer|carcinoma")
_DENIED: Final = re.compile(  # as in non-malignant
    rf"\b(?:non[\W_]*|(?:no|not|without)[\W_]+)(?:{_CANCER.pattern})"
)
_HARMLESS: Final = re.compile(rf"benign|(?<!ab)normal|{_DENIED.pattern}")
_STEM: Final = re.compile(r"(.+?)(?:\.rf\.[0-9A-Za-z]+)?\.\w+")

BY_CLASS: Final = LabelRule(
    name="box-class",
    title="A box called malignant or cancer means cancer, only benign or normal ones mean none; "
    "an image without such a box has no label.",
    task=CANCER,
    classes={"malignant": "cancer", "benign": "no cancer"},
    reads="pathology",
)


@dataclass(frozen=True, kw_only=True)
class _Image:
    """`boxes` are (class, box) in pixels; `is_marked` where a file of labels speaks of it."""

    path: str
    boxes: tuple[tuple[str, Box], ...] = ()
    is_marked: bool = True
    dropped: tuple[str, ...] = field(default=())  # lines that are no box


def recognise(folder: Path) -> Signs:
    if any(_annotation_files(folder)):
        return Signs(found=("annotations as COCO (JSON)",))
    has_labels = any(True for pattern in _LABELS for _ in folder.glob(pattern))
    signs = {
        NAMES_FILE: (folder / NAMES_FILE).is_file(),
        "labels/ with a .txt per image": has_labels,
        "images/": any(True for _ in folder.glob("**/images/")),
    }
    if not has_labels and not signs[NAMES_FILE]:
        return Signs()
    wanted = [name for name in signs if name != NAMES_FILE]  # without it, classes are numbers
    return Signs(
        found=tuple(name for name, is_there in signs.items() if is_there),
        missing=tuple(name for name in wanted if not signs[name]),
    )


def read(folder: Path, rule: LabelRule) -> Tables:
    require(recognise(folder), folder=folder, expects=ADAPTER.expects)
    coco = list(_annotation_files(folder))
    read_images = [image for file in coco for image in _read_coco(file, folder)]
    images = read_images if coco else list(_read_yolo(folder))
    if not images:
        raise TableError(f"{folder.name} holds no image. Expected: {ADAPTER.expects}")
    manifest = _manifest(images, rule)
    rows = [
        {"image_id": image.path, "x0": b.x0, "y0": b.y0, "x1": b.x1, "y1": b.y1, "kind": kind}
        for image in images
        for kind, b in image.boxes
    ]
    return Tables(
        manifest=manifest,
        boxes=check_boxes(pd.DataFrame(rows, columns=list(BOX_COLUMNS))),
        notes=roboflow.read_readme(folder),
        defects=_defects(images, manifest),
    )


def _manifest(images: list[_Image], rule: LabelRule) -> pd.DataFrame:
    paths = pd.Series([image.path for image in images], dtype="string")
    stems = paths.str.rpartition("/")[2].str.extract(f"^{_STEM.pattern}$")[0]
    women = stems.str.extract(roboflow.RSNA_STEM)["patient"]
    kinds = [sorted({kind.lower() for kind, _ in image.boxes}) for image in images]
    words = {
        "has_box": [_has_box(image) for image in images],
        "pathology": [_pathology(names) for names in kinds],
        "lesion": [_lesion(" ".join(names)) for names in kinds],
    }
    return check_manifest(
        pd.DataFrame(
            {
                "image_id": paths,
                "path": paths,
                "patient_id": women,
                "group_id": women.fillna(stems),
                "label": rule.label(pd.Series(words[rule.reads], dtype="string")),
                "split": [_split_of(path) for path in paths],
                "lesion": pd.Series(["; ".join(names) or None for names in kinds], dtype="string"),
            }
        )
    )


def _has_box(image: _Image) -> str | None:
    """None where something was marked, but what is not known."""
    return None if image.dropped and not image.boxes else str(bool(image.boxes))


def _pathology(names: Sequence[str]) -> str | None:
    if any(_CANCER.search(_DENIED.sub("", name)) for name in names):
        return "malignant"
    return "benign" if any(_HARMLESS.search(name) for name in names) else None


def _lesion(names: str) -> str | None:
    found = [kind for kind in ("mass", "calcification") if kind[:4] in names]
    return found[0] if len(found) == 1 else None


def _split_of(path: str) -> str | None:
    """By the first folder of the path that is named like one: train/images/ and images/train/."""
    parts = path.lower().split("/")[:-1]
    return next((SPLITS[part] for part in parts if part in SPLITS), None)


def _read_yolo(folder: Path) -> Iterator[_Image]:
    names = _class_names(folder / NAMES_FILE, folder)
    paths = [path for path in list_images(folder) if "images" in path.split("/")[:-1]]
    for path, seen in zip(paths, peek([folder / path for path in paths]), strict=True):
        parts = path.split("/")
        place = len(parts) - 2 - parts[-2::-1].index("images")
        labels = folder.joinpath(*parts[:place], "labels", *parts[place + 1 :]).with_suffix(".txt")
        if not labels.is_file():
            yield _Image(path=path, is_marked=False)
            continue
        lines = [line for line in _text(labels, folder).splitlines() if line.strip()]
        boxes = _boxes_of(lines, seen, names)
        yield _Image(
            path=path,
            boxes=tuple(box for box in boxes if box is not None),
            dropped=tuple(line for line, box in zip(lines, boxes, strict=True) if box is None),
        )


def _boxes_of(
    lines: list[str], image: Peek | None, names: Mapping[int, str]
) -> list[tuple[str, Box] | None]:
    """Class and box of each line; None where it is no box. Nothing can be placed in an image whose
    size is not known.
    """
    if image is None:
        return [None] * len(lines)
    height, width = image.size
    return [_box_of(line, height=height, width=width, names=names) for line in lines]


def _box_of(
    line: str, *, height: int, width: int, names: Mapping[int, str]
) -> tuple[str, Box] | None:
    """`class x y width height` with the middle in shares of the image, or `class x y x y ...`, the
    corners of an outline.
    """
    try:
        number, *values = (float(word) for word in line.split())
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    if len(values) == 4:
        x, y, w, h = values
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    elif len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[0::2], values[1::2]
        corners = (min(xs), min(ys), max(xs), max(ys))
    else:
        return None
    return _named(
        names.get(int(number), f"class {number:.0f}"),
        Box(
            x0=corners[0] * width,
            y0=corners[1] * height,
            x1=corners[2] * width,
            y1=corners[3] * height,
        ),
    )


def _named(name: str, box: Box) -> tuple[str, Box] | None:
    is_finite = all(math.isfinite(end) for end in (box.x0, box.y0, box.x1, box.y1))
    return (name, box) if is_finite and box.x1 > box.x0 and box.y1 > box.y0 else None


def _class_names(path: Path, folder: Path) -> dict[int, str]:
    """The `names` of a data.yaml, written as a list on one line, a list below, or numbered."""
    text = _text(path, folder) if path.is_file() else ""
    found = re.search(r"^names:[ \t]*(.*(?:\n(?:[ \t]+|- ?).*)*)", text, flags=re.MULTILINE)
    if found is None:
        return {}
    body = found[1].strip().strip("[]{}")
    parts = body.split("\n") if "\n" in body else body.split(",")
    words = [part.strip().strip(",").removeprefix("-").strip() for part in parts if part.strip()]
    numbered = [re.fullmatch(r"(\d+)\s*:\s*(.+)", word) for word in words]
    if words and all(numbered):
        return {int(one[1]): one[2].strip("'\" ") for one in numbered if one}
    return {number: word.strip("'\" ") for number, word in enumerate(words)}


def _annotation_files(folder: Path) -> Iterator[Path]:
    return (path for pattern in _COCO for path in sorted(folder.glob(pattern)))


def _read_coco(file: Path, folder: Path) -> Iterator[_Image]:
    document = _document(file, folder)
    names = {one["id"]: str(one["name"]) for one in document["categories"]}
    by_image: dict[Any, list[Mapping[str, Any]]] = {}
    for annotation in document["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    for image in document["images"]:
        boxes = [_coco_box(one, names) for one in by_image.get(image["id"], ())]
        yield _Image(
            path=_coco_path(str(image["file_name"]), file, folder),
            boxes=tuple(box for box in boxes if box is not None),
            dropped=("",) * boxes.count(None),
        )


def _coco_box(annotation: Mapping[str, Any], names: Mapping[Any, str]) -> tuple[str, Box] | None:
    """`bbox` is x, y, width and height from the upper left corner, in pixels."""
    x, y, width, height = (float(value) for value in annotation["bbox"][:4])
    name = names.get(annotation["category_id"], f"class {annotation['category_id']}")
    return _named(name, Box(x0=x, y0=y, x1=x + width, y1=y + height))


def _coco_path(name: str, file: Path, folder: Path) -> str:
    """Where the image lies: beside the JSON as Roboflow has it, else in the usual folders."""
    if not is_inside(name) or len(name) > _LONGEST_NAME:
        raise TableError(
            f"The image {name[:100]!r} in {file.name} leads out of the data set's folder, or its "
            "name is too long for a file."
        )
    name = name.replace("\\", "/")
    split = re.sub(r"^instances_|\d+$", "", file.stem)
    places = (file.parent, folder / "images", folder / "images" / split, folder / split, folder)
    found = next((place for place in places if (place / name).is_file()), file.parent)
    return (found.relative_to(folder) / name).as_posix()


def _document(file: Path, folder: Path) -> Mapping[str, Any]:
    """A COCO document whose parts are there and are lists of objects with the keys we read."""
    needed = {
        "images": ("id", "file_name"),
        "annotations": ("image_id", "category_id", "bbox"),
        "categories": ("id", "name"),
    }
    try:
        document = json.loads(_text(file, folder))
        for part, keys in needed.items():
            for one in document[part]:
                for key in keys:
                    hash(one[key]) if key != "bbox" else [float(v) for v in one[key][:4]][3]
    except (ValueError, RecursionError) as error:
        raise TableError(f"{file.name} is no readable JSON: {damage_in_words(error)}.") from None
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise TableError(
            f"{file.name} is no COCO file: it lacks {error} where that belongs. Export again."
        ) from None
    return dict(document)


def _text(path: Path, folder: Path) -> str:
    text = content_of(path, inside=folder, most=_MOST_BYTES).decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _defects(images: list[_Image], manifest: pd.DataFrame) -> tuple[Defect, ...]:
    group = manifest["group_id"]
    copies = group[manifest["patient_id"].isna()].duplicated(keep=False)
    copied = manifest.loc[copies.index[copies], "image_id"]
    return (
        *make_defect(
            "augmented-copies",
            copied,
            lambda n: (
                f"{n} files are augmented copies of one upload or another; copies of one "
                "upload stay together."
            ),
        ),
        *make_defect(
            "no-label-file",
            [image.path for image in images if not image.is_marked],
            lambda n: f"{n} images have no file of labels; by the format they hold nothing.",
        ),
        *make_defect(
            "not-a-box",
            [image.path for image in images if image.dropped],
            lambda n: f"Labels of {n} images are no boxes (broken, or of no extent); left out.",
        ),
        *class_folders.no_patients(manifest),
    )


ADAPTER = Adapter(
    name="detection",
    title="Detection export (YOLO or COCO)",
    licence="as on its page",
    expects=(
        f"images/ and labels/ with a .txt per image and {NAMES_FILE} (YOLO), or "
        "_annotations.coco.json beside the images (COCO), as Roboflow and others export them."
    ),
    recognise=recognise,
    read=read,
    label_rules=(HOLDS_BOX, BY_CLASS, LESION_KIND_RULE),
    population=Population.UNKNOWN,
    reference_standard="as the export's author marked them",
    label_level=Level.IMAGE,
    imaging="unknown",
)
