"""Small made-up studies as DICOM files: as many women, exams and images as a test wants."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.archive.orthanc import EXAM

_ROOT = "1.2.826.0.1.3680043.8.498.77"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """One woman's exam. `number` makes its UIDs."""

    number: int
    patient: str = ""
    day: str = "20240102"
    accession: str = ""
    name: str = "Made^Up"
    views: tuple[tuple[str, str], ...] = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
    modality: str = "MG"
    side: int = 64  # pixels

    @property
    def uid(self) -> str:
        return f"{_ROOT}.{self.number}"


def write_study(study: MadeUp, folder: Path) -> list[Path]:
    """Its files; each image another."""
    folder.mkdir(parents=True, exist_ok=True)
    template = dcmread(next(path for path in EXAM if "explicit" in path.name))
    paths = []
    for place, (side, view) in enumerate(study.views, start=1):
        made = _image(template, study, place, side, view)
        path = folder / f"{study.number}_{place}.dcm"
        made.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _image(template: Dataset, study: MadeUp, place: int, side: str, view: str) -> Dataset:
    made = Dataset()
    made.update(template)
    made.file_meta = template.file_meta.__class__()
    made.file_meta.update(template.file_meta)
    made.preamble = b"\0" * 128
    made.StudyInstanceUID = study.uid
    made.SeriesInstanceUID = f"{study.uid}.1"
    made.SOPInstanceUID = f"{study.uid}.1.{place}"
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.PatientID = study.patient or f"W{study.number}"
    made.PatientName = study.name
    made.StudyDate = study.day
    made.AccessionNumber = study.accession or f"A{study.number}"
    made.Modality = study.modality
    made.ImageLaterality, made.ViewPosition = side, view
    del made.ViewCodeSequence
    random = np.random.default_rng(1000 * study.number + place)
    pixels = random.integers(200, 4000, (2 * study.side, study.side)).astype(np.uint16)
    pixels[:, study.side // 2 :] //= 40  # background
    made.Rows, made.Columns = pixels.shape
    made.PixelData = pixels.tobytes()
    return made
