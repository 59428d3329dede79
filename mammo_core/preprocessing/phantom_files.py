"""Synthetic mammograms as PNG and as DICOM files."""

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from mammo_core.files import replace_file
from mammo_core.preprocessing.phantom_tissue import Rendering
from mammo_core.types import Laterality, Pixels, View

# PS3.4 B.5: Digital Mammography X-Ray Image Storage - For Presentation
SOP_CLASS = UID("1.2.840.10008.5.1.4.1.1.1.2")
WHITE = 4095


class Person(Protocol):
    """What a file tells about the woman it shows."""

    @property
    def patient_id(self) -> str: ...
    @property
    def exam_id(self) -> str: ...
    @property
    def age(self) -> int: ...
    @property
    def machine(self) -> str: ...


def write_png(path: Path, pixels: Pixels) -> None:
    """8 bits: 255 is white."""
    _, encoded = cv2.imencode(".png", np.rint(pixels * 255).astype(np.uint8))
    replace_file(path, encoded.tobytes())


def write_dicom(
    path: Path, rendering: Rendering, *, woman: Person, side: Laterality, view: View
) -> None:
    """12 bits in explicit little endian; machine 2 stores its images inverted."""
    stored = np.rint(rendering.pixels * WHITE).astype(np.uint16)
    is_inverted = woman.machine == "2"
    if is_inverted:
        stored = np.uint16(WHITE) - stored
    uid = generate_uid(entropy_srcs=[woman.patient_id, str(side), str(view), path.name])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SOP_CLASS
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = SOP_CLASS
    dataset.SOPInstanceUID = uid
    dataset.Modality = "MG"
    dataset.PatientID = woman.patient_id
    dataset.PatientName = "Phantom^Synthetic"
    dataset.PatientAge = f"{woman.age:03d}Y"
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[woman.exam_id])
    dataset.ImageLaterality = str(side)
    dataset.ViewPosition = str(view)
    code = Dataset()
    code.CodeValue, code.CodeMeaning = (
        ("R-10242", "cranio-caudal") if view is View.CC else ("R-10226", "medio-lateral oblique")
    )
    code.CodingSchemeDesignator = "SRT"
    dataset.ViewCodeSequence = Sequence([code])
    dataset.Rows, dataset.Columns = stored.shape
    dataset.ImagerPixelSpacing = [rendering.mm_per_pixel, rendering.mm_per_pixel]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if is_inverted else "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.PixelData = stored.tobytes()
    dataset.save_as(path, enforce_file_format=True)
