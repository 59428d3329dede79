"""Detection exports: where the boxes lie, what they are called, and what is refused."""

import json
from pathlib import Path

import pytest

from mammo_core.datasets.adapters.detection import _class_names
from mammo_core.datasets.dataset import read_dataset
from mammo_core.errors import TableError
from tests.datasets.builders import detection
from tests.datasets.builders.drawn import texture, write_picture, write_text


@pytest.mark.parametrize("build", [detection.build_yolo, detection.build_coco])
def test_boxes_are_in_pixels_under_the_name_of_their_class(tmp_path: Path, build) -> None:  # type: ignore[no-untyped-def]
    build(tmp_path)
    boxes = read_dataset(tmp_path).boxes
    two = boxes[boxes["image_id"].str.contains("a2_")].set_index("kind")
    corners = ["x0", "y0", "x1", "y1"]
    assert two.loc["Malignant Mass", corners].tolist() == pytest.approx([36, 48, 54, 60])
    assert two.loc["Malignant Calcification", corners].tolist() == pytest.approx([0, 0, 9, 12])


def test_names_of_classes_are_read_however_they_are_written(tmp_path: Path) -> None:
    written = (
        "nc: 2\nnames: ['a b', \"c\"]\n",
        "names:\n- a b\n- c\nnc: 2\n",
        "names:\n  0: a b\n  1: 'c'\nnc: 2\n",
        "names: [\n  'a b',\n  'c'\n]\nnc: 2\n",
    )
    for number, text in enumerate(written):
        write_text(tmp_path / f"{number}.yaml", text)
        assert _class_names(tmp_path / f"{number}.yaml", tmp_path) == {0: "a b", 1: "c"}
    assert _class_names(tmp_path / "none.yaml", tmp_path) == {}


def test_outlines_become_boxes_and_broken_lines_are_counted(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "1.png", texture(1))
    write_text(tmp_path / "labels" / "1.txt", "7 0.5 0.25 0.75 0.25 0.75 0.5\nno box\n0 1 1 0 0\n")
    dataset = read_dataset(tmp_path)
    assert dataset.adapter.name == "detection"
    assert dataset.boxes["kind"].tolist() == ["class 7"]
    assert dataset.boxes[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [36, 24, 54, 48]
    assert "not-a-box" in {defect.name for defect in dataset.defects}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Malignant mass", "cancer"),
        ("benign", "no cancer"),
        ("Normal", "no cancer"),
        ("non-malignant", "no cancer"),
        ("no cancer", "no cancer"),
        ("not_cancerous", "no cancer"),
        ("abnormal", None),
        ("Abnormality", None),
    ],
)
def test_a_class_that_denies_a_word_is_not_taken_for_it(
    tmp_path: Path, name: str, label: str | None
) -> None:
    write_picture(tmp_path / "images" / "1.png", texture(1))
    write_text(tmp_path / "labels" / "1.txt", "0 0.5 0.5 0.5 0.5")
    write_text(tmp_path / "data.yaml", f"names: ['{name}']\n")
    manifest = read_dataset(tmp_path, "detection", "box-class").manifest
    assert manifest["label"].fillna("").tolist() == [label or ""]


@pytest.mark.parametrize("line", ["nan .5 .5 .1 .1", "inf .5 .5 .1 .1", "0 .5 .5 inf .1", "no box"])
def test_an_image_whose_marks_are_all_broken_is_not_said_to_hold_none(
    tmp_path: Path, line: str
) -> None:
    for number, text in enumerate((line, "0 .5 .5 .1 .1", "")):
        write_picture(tmp_path / "images" / f"{number}.png", texture(number))
        write_text(tmp_path / "labels" / f"{number}.txt", text)
    dataset = read_dataset(tmp_path, "detection", "lesion")
    assert dataset.manifest["label"].fillna("").tolist() == ["", "lesion", "no lesion"]
    assert len(dataset.boxes) == 1


def test_a_box_with_its_score_behind_it_is_read(tmp_path: Path) -> None:
    document = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4, 0.9]}],
        "categories": [{"id": 1, "name": "mass"}],
    }
    write_picture(tmp_path / "1.png", texture(1))
    write_text(tmp_path / "_annotations.coco.json", json.dumps(document))
    boxes = read_dataset(tmp_path).boxes
    assert boxes[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [1, 2, 4, 6]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"images": [{"id": 1, "file_name": "../../secret.png"}]}, "leads out of"),
        ({"images": [{"id": 1, "file_name": "a" * 5000}]}, "too long for a file"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2]}]}, "no COCO file"),
        (
            {"annotations": [{"image_id": 1, "category_id": 1, "bbox": [10**400, 1, 2, 3]}]},
            "no COCO file",
        ),
        ({"categories": None}, "no COCO file"),
        ({"images": [{"id": 1}]}, "lacks 'file_name'"),
    ],
)
def test_a_broken_or_hostile_json_is_refused_in_words(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    document = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "annotations": [],
        "categories": [{"id": 1, "name": "mass"}],
    }
    write_picture(tmp_path / "1.png", texture(1))
    write_text(tmp_path / "_annotations.coco.json", json.dumps(document | change))
    with pytest.raises(TableError, match=told):
        read_dataset(tmp_path)


def test_brackets_without_end_are_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "_annotations.coco.json", "[" * 100_000)
    with pytest.raises(TableError, match="nested without end"):
        read_dataset(tmp_path)
