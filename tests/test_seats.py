"""Who sits beside an image before a network that looks at several."""

import numpy as np
import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.partners import has_seat, of_own_place, seats_among, why_no_seat
from mammo_core.types import ImageRef, Laterality, View
from mammo_core.zoo.published.entry import BREAST, EXAM


def refs(*images: str) -> list[ImageRef]:
    return [
        ImageRef(image_id=image, side=Laterality(image[0]), view=View(image[2:]))
        for image in images
    ]


def test_cc_sits_before_mlo_whichever_of_them_is_scored() -> None:
    seats = seats_among(refs("L MLO", "L CC", "R CC"), 2, BREAST)
    assert seats.rows.tolist() == [[1, 0], [1, 0], [2, 2]]
    assert seats.own.tolist() == [1, 0, 0]


def test_an_exam_of_four_has_every_view_in_its_place() -> None:
    seats = seats_among(refs("R MLO", "L CC", "R CC", "L MLO"), 4, EXAM)
    assert seats.rows.tolist() == [[1, 2, 3, 0]] * 4
    assert seats.own.tolist() == [3, 0, 1, 2]


def test_a_missing_view_is_taken_by_the_image_itself() -> None:
    seats = seats_among(refs("L CC", "R CC"), 4, EXAM)
    assert seats.rows.tolist() == [[0, 1, 0, 0], [0, 1, 1, 1]]


def test_without_places_an_image_comes_before_its_partner() -> None:
    seats = seats_among(refs("L MLO", "L CC"), 2, ())
    assert seats.rows.tolist() == [[0, 1], [1, 0]]
    assert seats_among(refs("L MLO", "L CC"), 1, ()).rows.tolist() == [[0], [1]]


def test_what_is_said_of_an_images_own_place_counts() -> None:
    logits = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.float32)  # two places, two classes
    own = of_own_place(logits, classes=2, own=np.array([1, 0]))
    assert own.tolist() == [[3, 4], [5, 6]]
    assert of_own_place(logits, classes=4, own=np.array([0, 0])) is logits


def test_an_image_of_another_view_or_side_has_no_place_and_no_score_of_another() -> None:
    exam = [
        *refs("L CC", "R CC", "L MLO", "R MLO", "R ML"),
        ImageRef(image_id="unknown"),
        ImageRef(image_id="no side", view=View.CC),
    ]
    seats = seats_among(exam, 4, EXAM)
    assert seats.own.tolist() == [0, 1, 2, 3, -1, -1, -1]
    assert seats_among(refs("L ML", "L CC", "L MLO"), 2, BREAST).own.tolist() == [-1, 0, 1]
    logits = np.arange(7 * 8, dtype=np.float32).reshape(7, 8)
    with pytest.raises(TableError, match="3 of 7 images are of a side or view"):
        of_own_place(logits, classes=2, own=seats.own)


def test_who_has_no_place_is_told_in_a_sentence() -> None:
    manifest = pd.DataFrame({"side": ["L", "R", None], "view": ["CC", "ML", None]})
    assert has_seat(manifest, EXAM).tolist() == [True, False, False]
    assert has_seat(manifest, ()).tolist() == [True, True, True]
    assert why_no_seat("R", "MLO", EXAM) == ""
    assert why_no_seat("R", "ML", EXAM) == (
        "This model reads L CC, R CC, L MLO and R MLO; this image is R ML."
    )
    assert why_no_seat("", "CC", EXAM).endswith("this image does not tell which it is.")
    assert why_no_seat("", "ML", BREAST) == "This model reads CC and MLO; this image is ML."
    assert why_no_seat("", "CC", BREAST) == ""
