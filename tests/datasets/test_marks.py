"""Uploaded marks: what is read, which images count, what is refused."""

from pathlib import Path

import pandas as pd
import pytest

from mammo_core.datasets.dataset import Dataset, read_dataset
from mammo_core.datasets.marks import froc_of, marked_images, read_marks
from mammo_core.errors import TableError
from mammo_core.preprocessing.reading.cells import read_csv
from mammo_core.tables import positive_of
from tests.phantoms import put_phantoms


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    put_phantoms(tmp_path / "set", women=12)
    return read_dataset(tmp_path / "set")


def rows_of(dataset: Dataset) -> pd.DataFrame:
    manifest = dataset.manifest
    positive = positive_of(manifest["label"], dataset.label_rule.task)
    return manifest[["image_id", "group_id"]].assign(positive=positive)


def in_the_middle(dataset: Dataset) -> pd.DataFrame:
    """A mark in every lesion, the surer the later."""
    boxes = dataset.boxes
    text = pd.DataFrame(
        {
            "Image_id": boxes["image_id"],
            "x": (boxes["x0"] + boxes["x1"]) / 2,
            "y": (boxes["y0"] + boxes["y1"]) / 2,
            "score": range(1, len(boxes) + 1),
        }
    )
    return read_marks(read_csv(text.to_csv(index=False, sep=";").encode()))


def test_marks_in_every_lesion_find_them_all(dataset: Dataset) -> None:
    images, left_out = marked_images(rows_of(dataset), dataset, in_the_middle(dataset))
    found = froc_of(images, dataset="set", split="test")
    assert (len(images), left_out) == (len(dataset.manifest), 0)
    assert found.points[0].found.count == len(dataset.boxes) == found.points[0].found.total
    assert found.area is not None
    assert found.area.value == 1.0
    assert found.area.images == found.images_without > 0
    assert "AFROC area 1.000 (95 % 0." in found.headline
    assert "did not learn from" not in found.headline


def test_a_positive_image_without_a_box_and_one_without_a_label_are_left_out(
    dataset: Dataset,
) -> None:
    rows = rows_of(dataset)
    healthy = rows.index[~rows["positive"].astype(bool)]
    rows.loc[healthy[0], "positive"] = True
    rows.loc[healthy[1], "positive"] = pd.NA
    images, left_out = marked_images(rows, dataset, in_the_middle(dataset))
    assert left_out == 2
    assert len(images) == len(rows) - 2


def test_marks_on_images_that_are_not_counted_are_refused(dataset: Dataset) -> None:
    strange = pd.DataFrame({"image": ["elsewhere"], "x": [1.0], "y": [1.0], "score": [0.5]})
    with pytest.raises(TableError, match=r"1 mark is on images .* \(first: elsewhere\)"):
        marked_images(rows_of(dataset), dataset, strange)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,x,y\na,1,2\n", "lacks the column score"),
        ("image,x,y,score\na,1,2,.5\nb,,2,.5\n", r"1 of 2 marks .* \(first: image b\)"),
    ],
)
def test_a_table_that_is_none_of_marks_is_refused(text: str, reason: str) -> None:
    with pytest.raises(TableError, match=reason):
        read_marks(read_csv(text.encode()))
