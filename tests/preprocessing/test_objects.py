"""What is read, what is read with a note, and what is refused by name."""

import numpy as np
import pytest

from mammo_core.errors import ReadError
from mammo_core.types import Mammogram
from tests.preprocessing.dicom_files import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SECONDARY_CAPTURE,
    TOMOSYNTHESIS,
    encoded_file,
    file_of,
    header_of,
    mammogram_file,
    ramp,
    read,
)


def has_note(mammogram: Mammogram, words: str) -> bool:
    return any(words in note for note in mammogram.notes)


def refusal(content: bytes) -> ReadError:
    with pytest.raises(ReadError) as refused:
        read(content)
    return refused.value


@pytest.mark.parametrize(
    ("keyword", "tag"),
    [
        ("Rows", "0028,0010"),
        ("Columns", "0028,0011"),
        ("BitsAllocated", "0028,0100"),
        ("BitsStored", "0028,0101"),
        ("PixelRepresentation", "0028,0103"),
        ("PhotometricInterpretation", "0028,0004"),
    ],
)
def test_what_is_missing_is_refused_by_name(keyword: str, tag: str) -> None:
    error = refusal(mammogram_file(ramp(), **{keyword: None}))
    assert error.code == "missing_attribute"
    assert f"{keyword} ({tag})" in error.sentence


def test_rows_as_a_long_number_are_understood() -> None:
    header = header_of(ramp(8, 16))
    del header.Rows
    header.add_new(0x00280010, "UL", 8)
    header.PixelData = ramp(8, 16).tobytes()
    assert read(file_of(header)).size == (8, 16)


@pytest.mark.parametrize("changes", [{"Rows": 0}, {"Rows": 20_000}, {"Columns": 65_535}])
def test_an_impossible_size_is_refused_before_anything_is_allocated(
    changes: dict[str, int],
) -> None:
    assert refusal(mammogram_file(ramp(), **changes)).code == "impossible_size"


def test_more_than_120_million_pixels_are_refused() -> None:
    error = refusal(mammogram_file(ramp(), Rows=12_000, Columns=12_000))
    assert "120 million" in error.sentence


@pytest.mark.parametrize("frames", ["0", "", "1"])
def test_zero_or_no_number_of_frames_means_the_one_that_is_there(frames: str) -> None:
    assert read(mammogram_file(ramp(), NumberOfFrames=frames.encode())).size == (8, 16)


def test_three_frames_promised_are_refused_though_one_is_there() -> None:
    error = refusal(mammogram_file(ramp(), NumberOfFrames=3))
    assert error.code == "multi_frame"
    assert "3 frames" in error.sentence


def test_two_frames_without_a_number_of_frames_are_refused() -> None:
    error = refusal(mammogram_file(ramp(), PixelData=ramp().tobytes() * 2))
    assert error.code == "multi_frame"
    assert "2 frames" in error.sentence


def test_a_tomosynthesis_is_refused_by_its_name() -> None:
    error = refusal(mammogram_file(ramp(), SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=60))
    assert error.code == "tomosynthesis"
    assert "tomosynthesis of 60 slices" in error.sentence
    assert "2-D image" in error.hint


def test_a_synthesised_image_is_read() -> None:
    mammogram = read(
        mammogram_file(ramp(), ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"])
    )
    assert has_note(mammogram, "synthesised from tomosynthesis")


def test_a_synthesised_image_in_a_tomosynthesis_object_is_read() -> None:
    mammogram = read(
        mammogram_file(
            ramp(),
            SOPClassUID=TOMOSYNTHESIS,
            NumberOfFrames=1,
            ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"],
        )
    )
    assert has_note(mammogram, "synthesised from tomosynthesis")


def test_a_vendors_own_tomosynthesis_is_refused_with_the_way_out() -> None:
    header = header_of(ramp())
    header.SOPClassUID = SECONDARY_CAPTURE
    header.add_new(0x7E010010, "LO", "HOLOGIC, Inc.")
    header.PixelData = ramp().tobytes()
    error = refusal(file_of(header))
    assert error.code == "proprietary"
    assert "BTO" in error.hint


def test_a_header_without_pixels_is_refused() -> None:
    header = header_of(ramp())
    error = refusal(file_of(header))
    assert error.code == "no_pixels"
    assert "7FE0,0010 is missing" in error.sentence
    assert "Digital Mammography X-Ray Image Storage" in error.sentence


def test_a_directory_of_a_disc_is_refused_by_name() -> None:
    assert refusal(mammogram_file(ramp(), SOPClassUID="1.2.840.10008.1.3.10")).code == "directory"


def test_an_x_ray_of_another_body_part_is_refused_by_its_name() -> None:
    sop_class = "1.2.840.10008.5.1.4.1.1.1"  # Computed Radiography
    film = {"SOPClassUID": sop_class, "Modality": "CR"}
    found = refusal(mammogram_file(ramp(), **film, BodyPartExamined="CHEST"))
    assert found.code == "not_a_mammogram"
    assert "'CHEST', not a breast" in found.sentence
    assert read(mammogram_file(ramp(), **film, BodyPartExamined="BREAST")).wide is not None


@pytest.mark.parametrize("modality", ["RG", "CR", "DX", "OT"])
def test_film_and_its_kin_are_read_with_a_note(modality: str) -> None:
    mammogram = read(mammogram_file(ramp(), SOPClassUID=SECONDARY_CAPTURE, Modality=modality))
    assert has_note(mammogram, f"The modality is {modality}, not MG")


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "PT"])
def test_what_cannot_be_a_mammogram_is_refused(modality: str) -> None:
    error = refusal(mammogram_file(ramp(), SOPClassUID=SECONDARY_CAPTURE, Modality=modality))
    assert error.code == "not_a_mammogram"
    assert repr(modality) in error.sentence


def test_modality_and_object_that_disagree_are_told() -> None:
    assert has_note(read(mammogram_file(ramp(), Modality="CR")), "The object is a mammogram")
    mg_in_sc = read(mammogram_file(ramp(), SOPClassUID=SECONDARY_CAPTURE))
    assert has_note(mg_in_sc, "The modality is MG, the object is 'Secondary Capture")


def test_raw_detector_counts_are_shown_by_their_logarithm() -> None:
    """MONOCHROME1, many counts in air: 4095 is black, 0 white, 63 of 4095 half way (log 64)."""
    mammogram = read(
        mammogram_file(
            np.array([[0, 63, 4095]], dtype=np.uint16),
            PresentationIntentType="FOR PROCESSING",
            PhotometricInterpretation="MONOCHROME1",
            PixelIntensityRelationship="LIN",
            PixelIntensityRelationshipSign=1,
        )
    )
    assert mammogram.wide is not None
    assert mammogram.wide[0, 0] == 65535
    assert mammogram.wide[0, 1] == pytest.approx(65535 / 2, abs=1)
    assert mammogram.wide[0, 2] == 0
    assert has_note(mammogram, "FOR PROCESSING")
    assert has_note(mammogram, "logarithm")


def test_for_presentation_has_no_such_note() -> None:
    assert not has_note(read(mammogram_file(ramp())), "FOR PROCESSING")


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        ("1.2.840.10008.1.2.4.100", "MPEG2"),
        ("1.2.840.10008.1.2.4.102", "MPEG-4"),
        ("1.2.840.10008.1.2.4.110", "JPEG XL"),
        ("1.2.840.10008.1.2.4.94", "JPIP"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("nonsense", "no valid UID"),
    ],
)
def test_other_encodings_are_refused_by_name_with_a_hint(uid: str, name: str) -> None:
    error = refusal(meta_file(uid))
    assert error.code == "unsupported_syntax"
    assert name in error.sentence
    assert "JPEG 2000 lossless" in error.hint


def meta_file(uid: str) -> bytes:
    """A file whose meta header names this transfer syntax."""
    content = mammogram_file(ramp())
    old = EXPLICIT.encode() + b"\0"
    new = uid.encode() + b"\0" * (len(uid) % 2)
    place = content.index(old, 132)
    length = len(new).to_bytes(2, "little")
    return content[: place - 2] + length + new + content[place + len(old) :]


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_a_file_without_preamble_and_meta_header_is_understood(syntax: str) -> None:
    content = encoded_file(ramp(), syntax, bits_stored=12)
    start = content.index(b"\x08\0\x08\0") if b"\x08\0\x08\0" in content else -1
    start = content.index(b"\x08\0\x16\0", 132) if start < 0 else start
    mammogram = read(content[start:])
    assert mammogram.wide is not None
    assert mammogram.wide.tolist() == ramp().tolist()
    assert has_note(mammogram, "no meta header")


def test_a_deflated_file_that_is_cut_is_refused() -> None:
    content = encoded_file(ramp(64, 64), DEFLATED, bits_stored=12)
    assert refusal(content[:-20]).code == "truncated"


def test_a_bright_background_is_told_and_left_alone() -> None:
    """For DICOM the photometric interpretation decides."""
    y, x = np.mgrid[:128, :96]
    noise = np.random.default_rng(1).integers(0, 600, (128, 96))
    is_breast = (y - 64) ** 2 + (x - 96) ** 2 < 60**2
    pixels = np.where(is_breast, 1000 + noise, 4095).astype(np.uint16)
    mammogram = read(mammogram_file(pixels))
    assert has_note(mammogram, "The background is bright")
    assert mammogram.wide is not None
    assert mammogram.wide.tolist() == pixels.tolist()


@pytest.mark.parametrize(
    ("changes", "imaging"),
    [
        ({}, "digital"),
        ({"DetectorType": "FILM"}, "film"),
        ({"ConversionType": "DF"}, "film"),
        ({"NominalScannedPixelSpacing": [0.05, 0.05]}, "film"),
        ({"SOPClassUID": SECONDARY_CAPTURE}, ""),
    ],
)
def test_a_film_is_told_from_a_digital_image_only_by_what_the_header_says(
    changes: dict[str, object], imaging: str
) -> None:
    assert read(mammogram_file(ramp(), **changes)).info.imaging == imaging
