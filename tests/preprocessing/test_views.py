"""Side, view, modifiers and spacing, as headers write them."""

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mammo_core.types import Laterality, Mammogram, View
from tests.preprocessing.dicom_files import mammogram_file, ramp, read


def code(value: str, *modifiers: str) -> Sequence:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT" if value.isdigit() else "SRT"
    if modifiers:
        item.ViewModifierCodeSequence = Sequence([code(modifier)[0] for modifier in modifiers])
    return Sequence([item])


def with_header(**changes: object) -> Mammogram:
    return read(mammogram_file(ramp(), **changes))


@pytest.mark.parametrize(
    ("changes", "side"),
    [
        ({"ImageLaterality": "R"}, Laterality.RIGHT),
        ({"Laterality": "L"}, Laterality.LEFT),
        ({"ImageLaterality": "R", "Laterality": "R"}, Laterality.RIGHT),
        ({"ImageLaterality": "B"}, None),
        ({}, None),
    ],
)
def test_the_side_comes_from_either_attribute(
    changes: dict[str, str], side: Laterality | None
) -> None:
    assert with_header(**changes).ref.side is side


def test_the_image_knows_its_side_better_than_the_series() -> None:
    mammogram = with_header(ImageLaterality="L", Laterality="R")
    assert mammogram.ref.side is Laterality.LEFT
    assert any("contradicts itself on the side" in note for note in mammogram.notes)


@pytest.mark.parametrize("view", ["CC", "MLO", "ML", "LM", "LMO", "XCCL", "XCCM", "FB", "SIO"])
def test_the_view_position_is_the_view(view: str) -> None:
    assert with_header(ViewPosition=view).ref.view is View(view)


@pytest.mark.parametrize(
    ("value", "view"),
    [
        ("399162004", View.CC),
        ("R-10242", View.CC),
        ("399368009", View.MLO),
        ("R-10226", View.MLO),
        ("399260004", View.ML),
        ("R-10224", View.ML),
        ("399352003", View.LM),
        ("R-10228", View.LM),
        ("399192008", View.XCCL),
        ("R-1024A", View.XCCL),
    ],
)
def test_without_a_view_position_the_view_code_is_the_view(value: str, view: View) -> None:
    assert with_header(ViewCodeSequence=code(value)).ref.view is view


@pytest.mark.parametrize(
    ("base", "modifier", "view"),
    [
        ("R-10226", "R-102D1", View.AT),  # an MLO of the axillary tail
        ("399368009", "399011000", View.AT),
        ("R-10242", "R-102D2", View.CV),  # a CC of the cleavage
        ("399162004", "399161006", View.CV),
    ],
)
def test_two_modifiers_make_views_of_their_own(base: str, modifier: str, view: View) -> None:
    assert with_header(ViewCodeSequence=code(base, modifier)).ref.view is view


def test_a_view_made_by_a_modifier_counts_beside_the_view_position_too() -> None:
    mammogram = with_header(ViewPosition="CC", ViewCodeSequence=code("R-10242", "R-102D2"))
    assert mammogram.ref.view is View.CV
    assert not any("contradicts" in note for note in mammogram.notes)


@pytest.mark.parametrize(
    ("value", "modifier"),
    [
        ("R-102D6", "magnification"),
        ("399163009", "magnification"),
        ("R-102D7", "spot compression"),
        ("399209000", "implant displaced"),
        ("R-102C2", "tangential"),
        ("399226006", "rolled medial"),
        ("R-102D3", "rolled lateral"),
    ],
)
def test_modifiers_are_told(value: str, modifier: str) -> None:
    mammogram = with_header(ViewCodeSequence=code("R-10242", value))
    assert mammogram.info.modifiers == (modifier,)
    assert mammogram.ref.view is View.CC


def test_a_modifier_beside_the_view_code_counts_as_well() -> None:
    assert with_header(
        ViewPosition="MLO", ViewModifierCodeSequence=code("R-102D6")
    ).info.modifiers == ("magnification",)


def test_view_and_code_that_contradict_each_other_are_told() -> None:
    mammogram = with_header(ViewPosition="CC", ViewCodeSequence=code("R-10226"))
    assert mammogram.ref.view is View.CC
    assert any("position CC, code MLO" in note for note in mammogram.notes)


@pytest.mark.parametrize(
    ("label", "view", "modifiers"),
    [
        ("RMLO", View.MLO, ()),
        ("L CC", View.CC, ()),
        ("CCID", View.CC, ("implant displaced",)),
        ("LMLOID", View.MLO, ("implant displaced",)),
    ],
)
def test_labels_of_some_machines_are_understood(
    label: str, view: View, modifiers: tuple[str, ...]
) -> None:
    mammogram = with_header(ViewPosition=label)
    assert (mammogram.ref.view, mammogram.info.modifiers) == (view, modifiers)


def test_an_unknown_view_stays_unknown_and_is_told_without_its_odd_letters() -> None:
    mammogram = with_header(ViewPosition=b"AP\x07<b>")
    assert mammogram.ref.view is None
    assert "The view position 'no code' is not known." in mammogram.notes


def test_partial_views_and_implants_are_told() -> None:
    mammogram = with_header(PartialView="YES", BreastImplantPresent="YES")
    assert mammogram.info.modifiers == ("partial view",)
    assert "The header says that there is an implant." in mammogram.notes


def test_an_upside_down_image_is_told_and_left_as_stored() -> None:
    """Rows run to the front (A), columns to the head (H)."""
    mammogram = with_header(PatientOrientation=["A", "H"])
    assert mammogram.wide is not None
    assert mammogram.wide[0, 0] == 0
    assert any("upside down" in note for note in mammogram.notes)
    assert not any("upside" in note for note in with_header(PatientOrientation=["A", "F"]).notes)


def test_a_specimen_and_a_test_phantom_are_no_screening_views() -> None:
    assert with_header(ViewCodeSequence=code("G-8310")).info.modifiers == ("specimen",)
    assert with_header(QualityControlImage="YES").info.modifiers == ("test phantom",)
    assert with_header(BodyPartExamined="PHANTOM").info.modifiers == ("test phantom",)


@pytest.mark.parametrize(
    ("changes", "mm", "is_at_detector"),
    [
        ({"PixelSpacing": [0.05, 0.06]}, (0.05, 0.06), False),
        ({"ImagerPixelSpacing": [0.07, 0.07]}, (0.07, 0.07), True),
        (
            {"PixelSpacing": [0.065, 0.065], "ImagerPixelSpacing": [0.07, 0.07]},
            (0.065, 0.065),
            False,
        ),
        (  # PS3.3 C.10.7.1.3: equal means not calibrated
            {"PixelSpacing": [0.07, 0.07], "ImagerPixelSpacing": [0.07, 0.07]},
            (0.07, 0.07),
            True,
        ),
        ({"NominalScannedPixelSpacing": [0.05, 0.05]}, (0.05, 0.05), True),
        ({"PixelSpacing": b"0,07\\0,07"}, (0.07, 0.07), False),
        ({}, None, False),
    ],
)
def test_spacing_says_where_it_holds(
    changes: dict[str, object], mm: tuple[float, float] | None, is_at_detector: bool
) -> None:
    mammogram = with_header(**changes)
    assert mammogram.info.spacing_mm == mm
    assert mammogram.info.is_spacing_at_detector is is_at_detector


@pytest.mark.parametrize("spacing", [b"0\\0", b"0.07", b"-1\\1", b"a\\b", b"500\\500"])
def test_a_spacing_that_cannot_be_is_left_out_and_told(spacing: bytes) -> None:
    mammogram = with_header(PixelSpacing=spacing)
    assert mammogram.info.spacing_mm is None
    assert any("PixelSpacing is not two lengths" in note for note in mammogram.notes)
