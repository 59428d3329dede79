"""What the table alone gives away."""

import pandas as pd
import pytest

from mammo_core.datasets.audit import tables
from mammo_core.datasets.audit.result import Severity
from tests.datasets.audit.made import evidence_of, facts_of, rows, the_one


def test_a_woman_in_two_splits_is_named_with_her_images() -> None:
    table = rows(4, patient_id=["A", "A", "B", "C"], split=["train", "test", "train", "test"])
    finding = the_one(tables.check_women_in_splits(evidence_of(table)))
    assert finding.severity is Severity.SERIOUS
    assert finding.rows == ("i0", "i1")
    assert "1 of 3 women are in more than one split (2 of 4 images, first: A)" in finding.sentence


def test_women_who_stay_together_are_no_finding() -> None:
    table = rows(4, patient_id=["A", "A", "B", "C"], split=["train", "train", "train", "test"])
    assert tables.check_women_in_splits(evidence_of(table)) == []


def test_several_rows_of_one_file_are_findings_taken_for_images() -> None:
    table = rows(4, path=["a.png", "a.png", "a.png", "b.png"], label="cancer", patient_id="A")
    finding = the_one(tables.check_rows_are_images(evidence_of(table)))
    assert finding.check == "rows-are-images"
    assert "4 rows are 2 images" in finding.sentence


def test_one_file_under_two_labels_was_joined_on_the_wrong_key() -> None:
    table = rows(4, path=["a.png", "a.png", "b.png", "c.png"], patient_id="A", side="L")
    found = {f.check: f for f in tables.check_rows_are_images(evidence_of(table))}
    assert (
        "1 images stand under several values of label (first: a.png)"
        in found["wrong-join"].sentence
    )


def test_images_of_one_breast_with_different_labels_are_told() -> None:
    table = rows(3, patient_id="A", side=["L", "L", "R"])
    finding = the_one(tables.check_labels_agree(evidence_of(table)))
    assert finding.rows == ("i0", "i1")
    assert finding.severity is Severity.NOTE  # a manifest's labels are of images


def test_boxes_beyond_the_image_and_of_no_image_are_told() -> None:
    boxes = pd.DataFrame(
        {
            "image_id": ["i0", "i0", "i1", "gone"],
            "x0": [0, -3, 0, 0],
            "y0": [0, 0, 0, 0],
            "x1": [1000, 10, 10, 10],
            "y1": [2000, 10, 2001, 10],
        }
    )
    outside, stray = tables.check_boxes(evidence_of(rows(2), boxes=boxes))
    assert "2 of 4 boxes reach beyond their image" in outside.sentence
    assert outside.rows == ("i0", "i1")
    assert stray.rows == ("gone",)


def test_what_is_not_known_of_the_images_is_told_with_what_it_costs() -> None:
    table = rows(2, patient_id=pd.NA, side=["L", pd.NA], view="CC")
    women, sides = tables.check_sides_and_views(evidence_of(table))
    assert women.sentence.startswith("No image tells the patient.")
    assert women.severity is Severity.WARNING
    assert sides.sentence == "1 of 2 lack the side. Nothing can be counted by breast."
    assert sides.rows == ("i1",)


def named(*names: str) -> pd.DataFrame:
    return rows(len(names), path=[f"all/{name}.png" for name in names], patient_id=pd.NA)


def test_numbers_of_women_in_file_names_are_noticed() -> None:
    names = [f"{woman}_{woman * 7 + image}" for woman in range(100, 106) for image in range(3)]
    finding = the_one(tables.check_names_hold_women(evidence_of(named(*names))))
    assert finding.severity is Severity.WARNING
    assert "18 files begin with 6 different numbers" in finding.sentence
    split = named(*names).assign(split=["train", "test", "train"] * 6)
    finding = the_one(tables.check_names_hold_women(evidence_of(split)))
    assert finding.severity is Severity.SERIOUS
    assert "6 of these numbers are in several splits: the split leaks." in finding.sentence


@pytest.mark.parametrize(
    "names",
    [
        [f"img_{n}" for n in range(20)],  # a word, the same everywhere
        [f"{n}_a" for n in range(20)],  # a number of its own each
        [f"{n}" for n in range(20)],  # nothing after the number
    ],
)
def test_other_names_are_taken_for_no_women(names: list[str]) -> None:
    assert tables.check_names_hold_women(evidence_of(named(*names))) == []


def test_names_that_speak_of_augmentation_are_told() -> None:
    table = named("mdb001", "mdb001_rot90", "mdb001-flipped", "b (copy)", "prototype", "a_flip_2")
    finding = the_one(tables.check_names_of_augmentation(evidence_of(table)))
    assert finding.rows == ("i1", "i2", "i3", "i5")


def test_class_counts_with_a_common_factor_are_copies() -> None:
    labels = ["a"] * 12 + ["b"] * 30 + ["c"] * 6 + ["d"] * 18
    table = rows(66, label=labels)
    finding = the_one(tables.check_common_factor(evidence_of(table)))
    assert "a multiple of 6: as if 5, 3, 2, 1 originals" in finding.sentence


def test_balanced_classes_are_no_copies() -> None:
    table = rows(40, label=["a", "b", "c", "d"] * 10)
    assert tables.check_common_factor(evidence_of(table)) == []


def test_columns_of_the_outcome_are_named() -> None:
    table = rows(2, biopsy=["1", "0"], implant="0", birads=["4", pd.NA])
    finding = the_one(tables.check_outcome_columns(evidence_of(table)))
    assert finding.rows == ("birads", "biopsy")


def test_splits_with_another_share_of_cancers_and_without_any_are_told() -> None:
    table = rows(12, split=["train"] * 6 + ["test"] * 6, label=["cancer"] * 6 + ["no cancer"] * 6)
    shares, *lacking = tables.check_class_balance(evidence_of(table))
    assert "test 0.0%, train 100.0%" in shares.sentence
    assert [finding.sentence for finding in lacking] == [
        "The train split has no image of: no cancer.",
        "The test split has no image of: cancer.",
    ]


def test_images_and_women_are_counted_by_split_and_label() -> None:
    table = rows(4, patient_id=["A", "A", "B", "C"], split=["train"] * 3 + [pd.NA])
    table["label"] = ["cancer", "cancer", "no cancer", pd.NA]
    counted = tables.class_balance(evidence_of(table))
    assert counted.to_numpy().tolist() == [
        ["train", "cancer", 2, 1],
        ["train", "no cancer", 1, 1],
        ["no split", "no label", 1, 1],
    ]


def test_facts_are_laid_beside_every_row_of_a_file() -> None:
    table = rows(3, path=["a.png", "a.png", "b.png"])
    evidence = evidence_of(table, facts=facts_of(["a.png", "b.png"], height=[100, 200]))
    assert evidence.images["height"].tolist() == [100, 100, 200]
