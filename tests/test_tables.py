import os
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.tables import (
    check_boxes,
    check_labels,
    check_manifest,
    check_predictions,
    check_splits,
    positive_of,
    read_table,
)
from mammo_core.types import CANCER


def manifest(**columns: object) -> pd.DataFrame:
    two = {"image_id": ["007", "008"], "path": ["a/007.png", "a/008.png"]}
    return check_manifest(pd.DataFrame({**two, **columns}))


def test_what_is_not_known_is_missing_and_not_zero() -> None:
    table = manifest()
    assert table["age"].isna().all()
    assert table["label"].isna().all()
    assert positive_of(table["label"], CANCER).isna().all()


def test_a_group_is_the_patient_else_the_exam_else_the_image() -> None:
    table = manifest(patient_id=["P1", None], exam_id=["E1", "E2"])
    assert table["group_id"].tolist() == ["P1", "E2"]
    assert manifest()["group_id"].tolist() == ["007", "008"]


def test_columns_of_the_data_set_are_kept_behind_the_contract() -> None:
    table = manifest(implant=["no", "yes"])
    assert table.columns[-1] == "implant"


def test_one_row_is_one_image() -> None:
    with pytest.raises(TableError, match=r"1 images appear more than once.*007"):
        manifest(image_id=["007", "007"])


def test_a_side_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(TableError, match="Column side of the manifest holds 'left'; allowed: L, R"):
        manifest(side=["L", "left"])


def test_a_missing_column_is_named_beside_those_there_are() -> None:
    with pytest.raises(TableError, match=r"lacks path\. It has image_id"):
        check_manifest(pd.DataFrame({"image_id": ["1"]}))


def test_a_woman_in_two_splits_is_refused() -> None:
    table = manifest(patient_id=["P1", "P1"], split=["train", "test"])
    with pytest.raises(TableError, match=r"1 of 1 patients are in more than one split .first: P1"):
        check_splits(table)
    check_splits(manifest(patient_id=["P1", "P1"], split=["train", "train"]))


def test_a_label_the_task_does_not_know_is_refused() -> None:
    with pytest.raises(TableError, match="'benign' is none of this task's classes"):
        check_labels(manifest(label=["cancer", "benign"]), CANCER)


def test_logits_are_recognised_as_a_likely_mistake() -> None:
    table = pd.DataFrame({"image_id": ["1", "2"], "model_id": "m", "score": [0.4, 3.2]})
    with pytest.raises(TableError, match=r"1 of 2 scores.*first: image 2.*were logits saved"):
        check_predictions(table)


def test_predictions_read_back_from_text_keep_their_types() -> None:
    table = pd.DataFrame(
        {"image_id": ["1"], "model_id": ["m"], "score": ["0.5"], "positive": ["True"]},
        dtype="string",
    )
    checked = check_predictions(table)
    assert checked["positive"].tolist() == [True]
    assert checked["score"].tolist() == [0.5]


def test_a_score_that_is_missing_is_refused() -> None:
    table = pd.DataFrame({"image_id": ["1"], "model_id": ["m"], "score": [None]})
    with pytest.raises(TableError, match="1 of 1 rows of the predictions table have no score"):
        check_predictions(table)


def test_a_box_needs_its_four_edges() -> None:
    with pytest.raises(TableError, match="lacks y1"):
        check_boxes(pd.DataFrame({"image_id": ["1"], "x0": [0], "y0": [0], "x1": [1]}))


@pytest.mark.parametrize("path", ["a\0b.png", "images/" + "x" * 256, "\u00e9" * 128])
def test_a_path_that_no_file_can_have_is_refused_by_its_row(path: str) -> None:
    table = pd.DataFrame({"image_id": ["1", "2"], "path": ["images/fine.png", path]})
    with pytest.raises(TableError, match=r"1 of 2 rows .* no file can have \(first: row 2\)"):
        check_manifest(table)


@pytest.mark.parametrize("name", ["folder", "large.csv", os.devnull])
def test_a_table_is_read_from_a_plain_file_that_has_an_end(tmp_path: Path, name: str) -> None:
    """/dev/zero, which has none, would be refused as /dev/null is: unread."""
    (tmp_path / "folder").mkdir()
    with (tmp_path / "large.csv").open("wb") as large:
        large.truncate(2**30 + 1)  # no byte of it is on the disk
    with pytest.raises(TableError, match=r"no plain file of at most 1,024 MB; it was not read"):
        read_table(tmp_path / name, what="table of labels")
