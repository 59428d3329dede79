"""Names of files are read for side, view and woman, and read no further than they go."""

import pytest

from mammo_core.preprocessing.file_names import (
    NamedPlace,
    doubts_about,
    place_of_name,
    woman_of_name,
)
from mammo_core.types import Laterality, View

L, R = Laterality.LEFT, Laterality.RIGHT


@pytest.mark.parametrize(
    ("name", "side", "view"),
    [
        ("L-CC.png", L, View.CC),
        ("L-MLO.png", L, View.MLO),
        ("1_R_MLO", R, View.MLO),
        ("RCC", R, View.CC),
        ("rcc.dcm", R, View.CC),
        ("LEFT_CC", L, View.CC),
        ("LMLO.tif", L, View.MLO),
        ("mlo_left (2).png", L, View.MLO),
        ("P012_RIGHT_MLO_1-1.png", R, View.MLO),
        ("Calc-Test_P_00038_LEFT_CC", L, View.CC),
        ("Mass-Training_P_00001_LEFT_CC/1-1.dcm", L, View.CC),
        ("20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm", R, View.CC),
        ("A_1141_1.LEFT_CC.jpg", L, View.CC),
        ("A_1141_1.RIGHT_MLO.jpg.gz", R, View.MLO),
        ("LeftCC.png", L, View.CC),
        ("rightMLO2.png", R, View.MLO),
        ("MLOleft.png", L, View.MLO),
        ("CC Rt - Copy.png", R, View.CC),
        ("woman 7 R XCCL.png", R, View.XCCL),
        ("RML.png", R, View.ML),
        ("L_LM.png", L, View.LM),
        ("exam7/LEFT/CC.png", L, View.CC),
        ("exam7\\LEFT\\CC.png", L, View.CC),
        ("R.png", R, None),
        ("breast_left.png", L, None),
        ("mlo.png", None, View.MLO),
        ("LEFT/R_CC.png", R, View.CC),  # the file's own name before its folder's
    ],
)
def test_a_name_that_says_side_and_view_is_understood(
    name: str, side: Laterality | None, view: View | None
) -> None:
    assert place_of_name(name) == NamedPlace(side=side, view=view)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "IM0001",
        "1-1.dcm",
        "CCL.png",  # no view, and not the CC of a left breast for sure
        "XCCLR.png",
        "MLOR.png",
        "Smith_L.png",  # an initial
        "R2D2.png",
        "ml_model.png",  # machine learning
        "LM_2024.png",
        "llm_results.png",
        "accuracy.png",
        "class.png",
        "mlops.png",
        "occult.png",
        "leftover_copyright.png",
        "10011_1031443799.dcm",
        "mdb001.pgm",
        "../../etc/passwd",
    ],
)
def test_a_name_that_says_neither_is_left_alone(name: str) -> None:
    assert place_of_name(name) == NamedPlace()


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("LCC_RCC_compare.png", NamedPlace(view=View.CC)),
        ("left_CC_MLO.png", NamedPlace(side=L)),
        ("left_or_right.png", NamedPlace()),
    ],
)
def test_a_name_that_says_two_things_says_nothing_of_them(name: str, left: NamedPlace) -> None:
    assert place_of_name(name) == left


@pytest.mark.parametrize(
    ("names", "woman"),
    [
        (["P012_RIGHT_MLO_1-1.png", "P012_LEFT_CC_1-2.png"], "p 012"),
        (["1_R_MLO", "1_L_CC.png"], "1"),
        (["10011_1031443799.dcm", "10011_220375232.dcm"], "10011"),
        (["Mass-Training_P_00001_LEFT_CC/1-1.dcm", "Mass-Test_P_00001_RIGHT_CC.png"], "p_00001"),
        (["20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm"], "6c613a14b80a8591"),
        (["D1-0001_1-1.dcm", "D1-0001_1-2.dcm"], "d1-0001"),
        (["A_1141_1.LEFT_CC.jpg", "A_1141_1.RIGHT_MLO.jpg"], "a_1141_1"),
        (["L-CC.png", "R-MLO.png", "IM0001", "scan 4.png"], ""),
    ],
)
def test_files_of_one_woman_name_her_alike(names: list[str], woman: str) -> None:
    assert {woman_of_name(name) for name in names} == {woman}


def test_files_of_two_women_do_not_name_one() -> None:
    names = ("P012_R_CC.png", "P013_R_CC.png", "10011_1031443799.dcm", "10012_1031443799.dcm")
    assert len({woman_of_name(name) for name in names}) == len(names)


def test_four_images_of_one_side_are_questioned_and_an_exam_is_not() -> None:
    one_side = [NamedPlace(side=L, view=view) for view in (View.CC, View.MLO)] * 2
    assert "All 4 images are said to be of the left breast" in doubts_about(one_side)
    exam = [NamedPlace(side=side, view=view) for side in (L, R) for view in (View.CC, View.MLO)]
    assert doubts_about(exam) == ""
    assert doubts_about(one_side[:2]) == ""
    assert doubts_about([NamedPlace()] * 4) == ""
