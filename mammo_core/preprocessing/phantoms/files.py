"""Synthetic mammograms as PNG and as DICOM files."""

import io
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    RLELossless,
    generate_uid,
)

from mammo_core.preprocessing.phantoms.mark import SYNTHETIC_MARK, mark_png
from mammo_core.preprocessing.phantoms.view import Machine, Rendering
from mammo_core.types import Laterality, Pixels, View

# PS3.4 B.5: Digital Mammography X-Ray Image Storage - For Presentation
SOP_CLASS: Final = UID("1.2.840.10008.5.1.4.1.1.1.2")
MOST: Final = 4095  # 12 bits


class Syntax(StrEnum):
    """The transfer syntaxes this module writes; all of them lossless."""

    EXPLICIT = "explicit little endian"
    RLE = "RLE"
    JPEG_LOSSLESS = "JPEG lossless"
    JPEG_2000 = "JPEG 2000 lossless"


_UIDS: Final = {
    Syntax.EXPLICIT: ExplicitVRLittleEndian,
    Syntax.RLE: RLELossless,
    Syntax.JPEG_LOSSLESS: JPEGLossless,  # .57, not .70: the encoder uses selection value 6
    Syntax.JPEG_2000: JPEG2000Lossless,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a DICOM file says of the image; every bit of it made up."""

    patient_id: str
    exam_id: str
    age: int
    side: Laterality
    view: View
    machine: Machine
    uid_seed: str  # sets of different seeds share no identifier


def encode_png(pixels: Pixels, *, bits: Literal[8, 12]) -> bytes:
    """8 bits, or 12 bits in the lower part of 16 as exports from DICOM have them."""
    kind = np.uint8 if bits == 8 else np.uint16
    _, encoded = cv2.imencode(".png", np.rint(pixels * (2**bits - 1)).astype(kind))
    return mark_png(bytes(encoded))


def encode_dicom(rendering: Rendering, header: Header, syntax: Syntax = Syntax.EXPLICIT) -> bytes:
    """A Digital Mammography X-Ray Image for presentation."""
    stored = _stored(rendering.pixels, header.machine)
    image_uid = _uid(header, "image", str(header.side), str(header.view))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SOP_CLASS
    meta.MediaStorageSOPInstanceUID = image_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(io.BytesIO(), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = SOP_CLASS
    dataset.SOPInstanceUID = image_uid
    _describe_woman(dataset, header)
    _describe_machine(dataset, header, rendering.mm_per_pixel)
    _describe_view(dataset, header)
    _describe_pixels(dataset, stored, header.machine)
    dataset.PixelData = stored.tobytes()
    if syntax is Syntax.RLE:
        dataset.compress(RLELossless, stored, generate_instance_uid=False)
    elif syntax is not Syntax.EXPLICIT:
        dataset.PixelData = encapsulate([_compressed(stored, syntax)])
        dataset["PixelData"].is_undefined_length = True
        meta.TransferSyntaxUID = _UIDS[syntax]
    with io.BytesIO() as stream:
        dataset.save_as(stream, enforce_file_format=True)
        return stream.getvalue()


def _stored(pixels: Pixels, machine: Machine) -> NDArray[np.uint16]:
    """What lies in the file so that the machine's window shows `pixels`."""
    low, high = machine.window
    values = low + pixels * (high - low)
    if machine.is_inverted:
        values = np.where(pixels > 0, low + high - values, MOST)  # the background is unexposed
    return np.rint(values).astype(np.uint16)


def _compressed(stored: NDArray[np.uint16], syntax: Syntax) -> bytes:
    if syntax is Syntax.JPEG_LOSSLESS:
        return bytes(imagecodecs.ljpeg_encode(stored, bitspersample=12))
    return bytes(
        imagecodecs.jpeg2k_encode(
            stored, codecformat="J2K", bitspersample=12, reversible=True, level=0
        )
    )


def _describe_woman(dataset: Dataset, header: Header) -> None:
    dataset.PatientName = f"Phantom^{header.patient_id}"
    dataset.PatientID = header.patient_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "F"
    dataset.PatientAge = f"{header.age:03d}Y"
    dataset.StudyInstanceUID = _uid(header, "study")
    dataset.StudyID = header.exam_id
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20200101"
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "120000"
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20200101", "120000"
    dataset.StudyDescription = "Synthetic mammograms of no woman"
    dataset.ReferringPhysicianName = ""
    dataset.AccessionNumber = ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = SYNTHETIC_MARK
    dataset.SeriesInstanceUID = _uid(header, "series")
    dataset.SeriesNumber = "1"
    views = [(side, view) for side in Laterality for view in (View.CC, View.MLO)]
    dataset.InstanceNumber = str(views.index((header.side, header.view)) + 1)


def _describe_machine(dataset: Dataset, header: Header, mm_per_pixel: float) -> None:
    dataset.Modality = "MG"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.Manufacturer = "Synthetic"
    dataset.ManufacturerModelName = header.machine.name
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = "1"
    dataset.DetectorType = "DIRECT"
    dataset.ImagerPixelSpacing = [f"{mm_per_pixel:.6g}"] * 2
    dataset.PositionerType = "MAMMOGRAPHIC"
    dataset.PositionerPrimaryAngle = "0" if header.view is View.CC else "45"
    dataset.AcquisitionContextSequence = Sequence()


def _describe_view(dataset: Dataset, header: Header) -> None:
    is_left = header.side is Laterality.LEFT
    # PS3.3 C.7.6.1.1.1, the way rows and columns run: A(nterior) is where the nipple points.
    inwards = "R" if is_left else "L"
    down = inwards if header.view is View.CC else "F" + inwards
    dataset.PatientOrientation = ["A" if is_left else "P", down]
    dataset.ImageLaterality = str(header.side)
    dataset.ViewPosition = str(header.view)
    view = (
        # PS3.16 CID 4014 View for Mammography
        _code("399162004", "cranio-caudal")
        if header.view is View.CC
        else _code("399368009", "medio-lateral oblique")
    )
    view.ViewModifierCodeSequence = Sequence()
    dataset.ViewCodeSequence = Sequence([view])
    dataset.AnatomicRegionSequence = Sequence([_code("76752008", "Breast")])
    dataset.OrganExposed = "BREAST"
    dataset.BodyPartExamined = "BREAST"
    dataset.BurnedInAnnotation = "NO"  # side and view are burned in, but nobody's identity


def _describe_pixels(dataset: Dataset, stored: NDArray[np.uint16], machine: Machine) -> None:
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if machine.is_inverted else "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if machine.is_inverted else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.PresentationLUTShape = "INVERSE" if machine.is_inverted else "IDENTITY"
    dataset.LossyImageCompression = "00"
    low, high = machine.window
    # PS3.3 C.11.2.1.2.1: LINEAR shows c - 0.5 - (w - 1) / 2 black and c - 0.5 + (w - 1) / 2 white.
    centre, width = (low + high + 1) / 2, high - low + 1
    dataset.WindowCenter = [f"{centre:g}"] * 3
    dataset.WindowWidth = [f"{width:g}", f"{0.7 * width:.0f}", f"{1.4 * width:.0f}"]
    dataset.WindowCenterWidthExplanation = ["NORMAL", "HARDER", "SOFTER"]
    dataset.VOILUTFunction = "LINEAR"


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "SCT"
    code.CodeMeaning = meaning
    return code


def _uid(header: Header, *of: str) -> UID:
    return generate_uid(entropy_srcs=[header.uid_seed, header.patient_id, header.exam_id, *of])
