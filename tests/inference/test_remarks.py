"""A model of phantoms reads phantoms; a model of pictures says so beside the score of a DICOM."""

from dataclasses import replace

import numpy as np
import pytest

from mammo_core.errors import ConfigError
from mammo_core.inference.interpretation import (
    LONE,
    UNMATCHED,
    UNPLACED,
    remark,
    remarks,
    why_not,
    why_outside,
    why_uncompared,
    why_unlike,
)
from mammo_core.inference.many_files import refuse_pairs
from mammo_core.runs.card import ModelCard
from mammo_core.types import ImageInfo, ImageRef, Laterality, Mammogram, Unfit, View
from mammo_core.zoo.published import get_published
from tests.inference.made_up import card


def image(*, kind: str = "PNG", is_synthetic: bool = False) -> Mammogram:
    pixels = np.zeros((8, 8), np.float32)
    ref = ImageRef(image_id="made-up")
    info = ImageInfo(ref=ref, kind=kind, bits=8, is_synthetic=is_synthetic)
    return Mammogram(info=info, pixels=pixels)


def image_of(ref: ImageRef) -> Mammogram:
    plain = image()
    return replace(plain, info=replace(plain.info, ref=ref))


def model(*, seen: str = "synthetic", file_kinds: tuple[str, ...] = ()) -> ModelCard:
    plain = card("0" * 64)
    return replace(plain, data=replace(plain.data, seen=seen, file_kinds=file_kinds))


@pytest.mark.parametrize("kind", ["PNG", "DICOM, RLE"])
def test_a_model_of_synthetic_images_scores_no_others(kind: str) -> None:
    refusal = why_not(model(), image(kind=kind))
    assert refusal is not None
    assert refusal.startswith("This model has only seen synthetic images")
    assert why_not(model(), image(kind=kind, is_synthetic=True)) is None


def test_what_is_outside_what_a_model_knows_is_told_apart_from_what_is_no_mammogram() -> None:
    told = why_outside(model(), image())
    assert told == "This model has only seen synthetic images; this is not one of them."
    assert why_outside(model(), image(is_synthetic=True)) == ""
    blank = image(is_synthetic=True)
    blank = replace(blank, info=replace(blank.info, unfit=Unfit.BLANK))
    assert why_outside(model(), blank) == ""
    assert "blank" in str(why_not(model(), blank))


def test_a_magnified_view_is_remarked_upon_and_a_specimen_is_not_scored() -> None:
    women, plain = model(seen="digital"), image()
    spot = replace(plain, info=replace(plain.info, modifiers=("magnification",)))
    (said,) = remarks(women, [spot])
    assert said[0].startswith("Not a standard view (magnification): it is scored as if it were one")
    assert why_not(women, spot) is None
    for kind in ("specimen", "test phantom"):
        other = replace(plain, info=replace(plain.info, modifiers=(kind,)))
        told = f"The header says that this is a {kind}, not a breast. It is not scored."
        assert why_not(women, other) == told
        assert remarks(women, [other]) == [[]]


@pytest.mark.parametrize("seen", ["digital", "film", "mixed", "unknown"])
def test_any_other_model_scores_any_image(seen: str) -> None:
    assert why_not(model(seen=seen), image()) is None
    assert why_not(model(seen=seen), image(is_synthetic=True)) is None


def test_a_dicom_is_remarked_upon_unless_the_model_was_measured_on_dicom() -> None:
    dicom = image(kind="DICOM, explicit little endian")
    assert "never measured on DICOM (only on pictures)" in str(
        remark(model(file_kinds=("picture",)), dicom)
    )
    assert "does not say whether it was ever measured on DICOM" in str(remark(model(), dicom))
    assert remark(model(file_kinds=("DICOM", "picture")), dicom) is None
    assert remark(model(file_kinds=("picture",)), image()) is None


@pytest.mark.parametrize(
    ("imaging", "is_synthetic", "seen", "said"),
    [
        ("film", False, "digital", "Scanned film, read by a model of digital mammograms"),
        ("digital", False, "film", "Digital image, read by a model of scanned films"),
        ("digital", True, "digital", "Drawn image, read by a model of digital mammograms"),
        ("film", False, "film", ""),
        ("", False, "digital", ""),
        ("film", False, "mixed", ""),
        ("film", False, "unknown", ""),
    ],
)
def test_an_image_made_in_another_way_than_all_a_model_learnt_from_is_told_in_one_line(
    imaging: str, is_synthetic: bool, seen: str, said: str
) -> None:
    plain = image(is_synthetic=is_synthetic)
    made = replace(plain, info=replace(plain.info, imaging=imaging))
    line = why_unlike(model(seen=seen), made)
    assert line == (f"{said}: the score may mean nothing." if said else "")
    assert remarks(model(seen=seen), [made]) == [[line] if line else []]


def test_a_model_of_two_views_says_which_image_stood_in_for_the_missing_one() -> None:
    def view(side: str, name: str) -> Mammogram:
        ref = ImageRef(image_id=f"{side} {name}", side=Laterality(side), view=View(name))
        return image_of(ref)

    exam = [view("R", "CC"), view("L", "CC"), view("R", "MLO")]
    pair = replace(model(), model=replace(model().model, views=2))
    assert remarks(pair, exam) == [[], [LONE], []]
    assert remarks(model(), exam) == [[], [], []]
    assert LONE.startswith("1 of 2 views")


def test_an_unknown_view_or_side_is_told_from_a_missing_one() -> None:
    def view(name: str, side: Laterality | None, view: View | None) -> Mammogram:
        return image_of(ImageRef(image_id=name, side=side, view=view))

    pair = replace(model(), model=replace(model().model, views=2))
    nothing, no_view = view("a", None, None), view("b", Laterality.LEFT, None)
    cc = view("c", Laterality.LEFT, View.CC)
    assert remarks(pair, [nothing, no_view]) == [[UNPLACED], [UNPLACED]]
    assert remarks(pair, [cc, no_view]) == [[UNMATCHED], [UNPLACED]]
    assert remarks(pair, [nothing]) == [[LONE]]  # whatever it is, the other is not here
    assert remarks(pair, [cc]) == [[LONE]]


def test_scores_are_held_against_no_others_where_views_stand_in_for_want_of_a_name() -> None:
    unknown = ImageRef(image_id="a", side=Laterality.LEFT)
    cc = ImageRef(image_id="b", side=Laterality.LEFT, view=View.CC)
    mlo = ImageRef(image_id="c", side=Laterality.LEFT, view=View.MLO)
    pair = replace(model(), model=replace(model().model, views=2))
    assert "a view or side is not known" in why_uncompared(pair, [cc, unknown])
    assert why_uncompared(pair, [cc, mlo]) == ""
    assert why_uncompared(pair, [unknown]) == ""
    assert why_uncompared(model(), [cc, unknown]) == ""


def test_files_one_by_one_are_refused_by_what_the_model_scores_together() -> None:
    refuse_pairs(model())
    for views, said in (
        (2, "scores the CC and the MLO of a breast together"),
        (4, "reads each image in its place among the four views of an exam"),
    ):
        several = replace(model(), model=replace(model().model, views=views))
        with pytest.raises(ConfigError, match=f"{said}.*use `mammo evaluate`"):
            refuse_pairs(several)


def test_a_model_over_four_views_scores_no_image_of_another_view_or_an_unknown_one() -> None:
    def view(side: str, name: str) -> Mammogram:
        ref = ImageRef(image_id=f"{side} {name}", side=Laterality(side), view=View(name))
        return image_of(ref)

    four = replace(
        model(seen="digital"),
        model=replace(model().model, backbone="published:nyu-views", views=4),
    )
    exam = [view(side, name) for side in "LR" for name in ("CC", "MLO")]
    assert [why_not(four, one) for one in exam] == [None] * 4
    ml, unknown = view("R", "ML"), image_of(ImageRef(image_id="unknown"))
    assert "this image is R ML. It is not scored." in str(why_not(four, ml))
    assert "does not tell which it is. It is not scored." in str(why_not(four, unknown))
    assert why_not(model(seen="digital"), ml) is None
    assert remarks(four, [*exam, ml]) == [[], [], [], [], []]
    assert "2 of the 4 views of an exam" in remarks(four, exam[:2])[0][0]


def test_a_view_that_is_not_there_is_missed_only_where_it_would_be_looked_at() -> None:
    """The NYU network of single images has a place for each view, and looks at no other."""
    one = image_of(ImageRef(image_id="l", side=Laterality.LEFT, view=View.CC))
    alone = {
        name: replace(
            model(seen="digital"),
            model=replace(model().model, backbone=f"published:{name}", views=4),
        )
        for name in ("nyu-views", "nyu-images")
    }
    assert len(remarks(alone["nyu-views"], [one])[0]) == 1
    assert remarks(alone["nyu-images"], [one]) == [[]]
    said = {name: " ".join(get_published(name).problems) for name in alone}
    assert "A missing view is taken by the image itself." in said["nyu-views"]
    assert "missing view" not in said["nyu-images"]
