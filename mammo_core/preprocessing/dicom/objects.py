"""What kind of DICOM object a file is: read, read with a note, or refused."""

from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import UID

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.header import (
    VENDOR_BLOCK,
    code,
    integer,
    is_present,
    quoted,
    text,
    texts,
)
from mammo_core.preprocessing.phantoms.mark import SYNTHETIC_MARK

_MAMMOGRAPHY: Final = (
    "1.2.840.10008.5.1.4.1.1.1.2",  # for presentation
    "1.2.840.10008.5.1.4.1.1.1.2.1",  # for processing
)
_TOMOSYNTHESIS: Final = "1.2.840.10008.5.1.4.1.1.13.1.3"
_SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
_DIRECTORY: Final = "1.2.840.10008.1.3.10"

_FILM_AND_KIN: Final = ("RG", "CR", "DX", "OT")  # what mammograms are filed under besides MG
#: PS3.3 C.8.11.7.1.4, and what vendors write.
_GENERATED: Final = ("GENERATED_2D", "TOMO_2D", "C-VIEW")


def check_object(header: Dataset, *, has_pixels: bool) -> tuple[str, ...]:
    """Notes on what this is, or a refusal that names it and says what to do."""
    sop_class = text(header, "SOPClassUID")
    if is_present(header, VENDOR_BLOCK) and sop_class == _SECONDARY_CAPTURE:
        raise ReadError(
            "proprietary",
            "This file holds tomosynthesis in its vendor's own format (SCO), not an image.",
            "Export it as BTO (Breast Tomosynthesis Object), and the 2-D image beside it.",
        )
    if sop_class == _DIRECTORY:
        raise ReadError(
            "directory",
            "This is a DICOMDIR, the table of contents of a disc; it holds no image.",
            "Choose the image files themselves.",
        )
    _check_frames(header, sop_class)
    if not has_pixels:
        named = UID(sop_class).name if sop_class.replace(".", "").isdigit() else "of unknown kind"
        raise ReadError(
            "no_pixels",
            f"This file is a DICOM ({named}), but it holds no pixels (7FE0,0010 is missing).",
            "Was only the header exported?",
        )
    return (*_modality_notes(header, sop_class), *_kind_notes(header, sop_class))


def kind_modifiers(header: Dataset) -> tuple[str, ...]:
    """What sets this object apart from a screening view."""
    body_part = text(header, "BodyPartExamined").upper()
    modifiers = []
    if text(header, "QualityControlImage").upper() == "YES" or "PHANTOM" in body_part:
        modifiers.append("test phantom")
    if "SPECIMEN" in body_part:
        modifiers.append("specimen")
    return tuple(modifiers)


def is_synthetic(header: Dataset) -> bool:
    """Whether `mammo phantom` drew it."""
    return SYNTHETIC_MARK in texts(header, "DeidentificationMethod")


def imaging_of(header: Dataset) -> str:
    """ "film" where the header tells of a scanner (PS3.3 C.8.6.1 has DF for digitised film,
    C.8.11.4 the detector FILM), "digital" where the object is a digital mammogram; "" where it
    tells neither: a secondary capture may be a copy of either.
    """
    is_film = (
        text(header, "ConversionType").upper() == "DF"
        or text(header, "DetectorType").upper() == "FILM"
        or is_present(header, "NominalScannedPixelSpacing")
    )
    if is_film:
        return "film"
    return "digital" if text(header, "SOPClassUID") in (*_MAMMOGRAPHY, _TOMOSYNTHESIS) else ""


def _check_frames(header: Dataset, sop_class: str) -> None:
    frames = integer(header, "NumberOfFrames") or 1
    if frames <= 1:
        return
    if sop_class == _TOMOSYNTHESIS or "TOMOSYNTHESIS" in _image_type(header):
        raise ReadError(
            "tomosynthesis",
            f"This is a tomosynthesis of {frames} slices; only two-dimensional mammograms are "
            "read here so far.",
            "Use the 2-D image of the same exam: the mammogram, or the one synthesised from it.",
        )
    raise ReadError(
        "multi_frame",
        f"This DICOM says it holds {frames} frames; one image is read per file.",
        "Export each image as a file of its own.",
    )


def _modality_notes(header: Dataset, sop_class: str) -> list[str]:
    modality = text(header, "Modality").upper()
    if modality == "MG" and sop_class not in (*_MAMMOGRAPHY, _TOMOSYNTHESIS, ""):
        return [f"The modality is MG, the object is {quoted(UID(sop_class).name)!r}."]
    if modality == "MG":
        return []
    if sop_class in (*_MAMMOGRAPHY, _TOMOSYNTHESIS):
        return [f"The object is a mammogram, but its modality is {code(modality)!r}."]
    if modality in _FILM_AND_KIN or not modality:
        _check_body_part(header)
        said = f"is {modality}, not MG" if modality else "is not given"
        return [f"The modality {said}: nothing in the header says that this is a mammogram."]
    raise ReadError(
        "not_a_mammogram",
        f"The modality of this DICOM is {code(modality)!r}; mammograms are MG, or "
        f"{', '.join(_FILM_AND_KIN)} when scanned or converted.",
        "Choose the mammograms of the exam.",
    )


def _check_body_part(header: Dataset) -> None:
    """Of an object that nothing else calls a mammogram."""
    body_part = text(header, "BodyPartExamined").upper()
    if body_part and "BREAST" not in body_part:
        raise ReadError(
            "not_a_mammogram",
            f"The body part of this DICOM is {code(body_part)!r}, not a breast.",
            "Choose the mammograms of the exam.",
        )


def _kind_notes(header: Dataset, sop_class: str) -> list[str]:
    notes = []
    if text(header, "PresentationIntentType").upper() == "FOR PROCESSING":
        notes.append(
            "FOR PROCESSING: raw, before the machine's own processing. Models are trained on "
            "FOR PRESENTATION; use that file where the exam has it."
        )
    if any(word in _GENERATED for word in _image_type(header)):
        notes.append("A 2-D image synthesised from tomosynthesis.")
    elif sop_class == _TOMOSYNTHESIS:
        notes.append("A single slice of a tomosynthesis.")
    if integer(header, "NumberOfFrames") is None and is_present(header, "NumberOfFrames"):
        notes.append("The number of frames is empty; one was found.")
    elif integer(header, "NumberOfFrames") == 0:
        notes.append("The header says 0 frames; one was found.")
    return notes


def _image_type(header: Dataset) -> list[str]:
    return [value.upper() for value in texts(header, "ImageType")]
