"""Which image is the other view of which."""

import pandas as pd
import pytest

from mammo_core.partners import lone_in_words, partners_among, partners_of
from mammo_core.tables import check_manifest
from mammo_core.types import ImageRef, Laterality, View


def manifest(*rows: str) -> pd.DataFrame:
    """Rows as "woman exam side view"; a dash is unknown. Images are named a, b, c, ..."""
    columns = ["patient_id", "exam_id", "side", "view"]
    table = pd.DataFrame([row.split() for row in rows], columns=columns).replace("-", pd.NA)
    names = [chr(ord("a") + number) for number in range(len(table))]
    return check_manifest(table.assign(image_id=names, path=names))


def test_cc_and_mlo_of_a_breast_are_each_others_partner() -> None:
    exam = manifest("W1 E1 L CC", "W1 E1 R CC", "W1 E1 R MLO", "W1 E1 L MLO")
    assert partners_of(exam).tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ("W2 E1 L MLO", "another woman"),
        ("W1 E2 L MLO", "another exam"),
        ("W1 E1 R MLO", "the other breast"),
        ("W1 E1 L ML", "neither CC nor MLO"),
        ("W1 E1 L CC", "the same view again"),
        ("W1 E1 L -", "a view nobody knows"),
        ("W1 E1 - MLO", "a side nobody knows"),
    ],
    ids=lambda value: value,
)
def test_an_image_without_its_other_view_is_its_own_partner(other: str, why: str) -> None:
    assert partners_of(manifest("W1 E1 L CC", other)).tolist() == [0, 1]


def test_images_of_no_known_side_or_view_are_not_each_others_partner() -> None:
    assert partners_of(manifest("W1 E1 - -", "W1 E1 - -", "W1 E1 L ML")).tolist() == [0, 1, 2]


def test_of_several_images_of_the_other_view_the_first_by_its_id_is_taken() -> None:
    twice = manifest("W1 E1 L CC", "W1 E1 L MLO", "W1 E1 L MLO", "W1 E1 L CC")
    assert partners_of(twice).tolist() == [1, 0, 0, 1]
    turned = twice.iloc[::-1].reset_index(drop=True)
    assert partners_of(turned).tolist() == [2, 3, 3, 2]


def test_where_exams_are_not_told_apart_a_womans_images_are_of_one() -> None:
    assert partners_of(manifest("W1 - L CC", "W1 - L MLO")).tolist() == [1, 0]


def test_images_read_together_are_paired_by_side_and_view() -> None:
    def ref(name: str, side: str, view: str, exam: str | None = None) -> ImageRef:
        return ImageRef(image_id=name, exam_id=exam, side=Laterality(side), view=View(view))

    unknown = ImageRef(image_id="e")
    case = [ref("a", "R", "CC"), ref("b", "L", "MLO"), ref("c", "R", "MLO"), unknown]
    assert partners_among(case).tolist() == [2, 1, 0, 3]
    assert partners_among([ref("a", "R", "CC", "1"), ref("b", "R", "MLO", "2")]).tolist() == [0, 1]


def test_images_that_stand_alone_are_counted_in_words() -> None:
    three = partners_of(manifest("W1 E1 L CC", "W1 E1 L MLO", "W1 E1 R CC"))
    assert lone_in_words(three).startswith("1 of 3 images have no other view (CC or MLO)")
    assert lone_in_words(three[:2]) == ""
