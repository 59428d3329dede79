"""A view as a DICOM Secondary Capture (PS3.3 A.8.1): the overlay in colour, or the image in grey.

Written attribute by attribute, so that nothing is in it but what stands here.
"""

import hashlib
import io
from datetime import UTC
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from mammo_core import __version__
from mammo_core.preprocessing.synthetic import SYNTHETIC_MARK
from mammo_core.reports.case_picture import Look, grey_picture, overlay_picture
from mammo_core.reports.case_pseudonyms import Pseudonyms
from mammo_core.reports.case_record import ReadCase
from mammo_core.reports.case_study import Source, Study, Subject

RESEARCH_ONLY: Final = "RESEARCH ONLY"
MANUFACTURER: Final = "Mammoscope"
_OVERLAYS_SERIES: Final = 9001
_IMAGES_SERIES: Final = 9000


def overlay_capture(
    source: Source, study: Study, case: ReadCase, *, look: Look, pseudonyms: Pseudonyms
) -> Dataset:
    """The view with heatmap and burned-in words, referring to the image it was made of."""
    picture = overlay_picture(source.image, case, look)
    digest = hashlib.sha256(picture.tobytes()).hexdigest()
    dataset = _capture(source, study.subject, case)
    dataset.SeriesInstanceUID = pseudonyms.uid(
        "series", study.subject.study_uid, "overlays", case.read_at.isoformat()
    )
    dataset.SeriesNumber = _OVERLAYS_SERIES
    dataset.SeriesDescription = f"{RESEARCH_ONLY} heatmaps"
    dataset.SOPInstanceUID = pseudonyms.uid("overlay", source.sop_instance_uid, digest)
    dataset.DerivationDescription = (
        "Grey image under a heatmap of what moved a model's score, with burned-in words. "
        "For research only. Not a medical device."
    )
    dataset.SourceImageSequence = [_reference(source)]
    _add_pixels(dataset, picture)
    return dataset


def image_capture(source: Source, study: Study, case: ReadCase, *, look: Look) -> Dataset:
    """The image as it was read, 8 bits deep, under the pseudonymous UID others refer to it by."""
    dataset = _capture(source, study.subject, case)
    dataset.SeriesInstanceUID = source.series_uid
    dataset.SeriesNumber = _IMAGES_SERIES
    dataset.SeriesDescription = f"{RESEARCH_ONLY} images as read"
    dataset.SOPInstanceUID = source.sop_instance_uid
    dataset.DerivationDescription = (
        f"Reduced {source.reduction:.3g} times, under a window to 8 bits. For research only."
    )
    _add_pixels(dataset, grey_picture(source.image, look))
    return dataset


def to_file(dataset: Dataset) -> bytes:
    """The data set as a DICOM file, explicit little endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return stream.getvalue()


def add_subject(dataset: Dataset, subject: Subject) -> None:
    """Patient (C.7.1.1) and General Study (C.7.2.1). What is unknown is present and empty."""
    dataset.PatientName = subject.patient_name
    dataset.PatientID = subject.patient_id
    dataset.PatientBirthDate = subject.birth_date
    dataset.PatientSex = subject.sex
    dataset.StudyInstanceUID = subject.study_uid
    dataset.StudyID = subject.study_id
    dataset.StudyDate = subject.study_date
    dataset.StudyTime = subject.study_time
    dataset.AccessionNumber = subject.accession_number
    dataset.ReferringPhysicianName = ""
    if subject.is_pseudonymous:
        dataset.PatientIdentityRemoved = "YES"
        methods = ["Keyed pseudonyms; text outside the breast masked"]
        dataset.DeidentificationMethod = methods + [SYNTHETIC_MARK] * subject.is_synthetic


def add_equipment(dataset: Dataset) -> None:
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = f"{MANUFACTURER}, {RESEARCH_ONLY}"
    dataset.SoftwareVersions = __version__


def add_times(dataset: Dataset, case: ReadCase) -> None:
    """When the case was read, in UTC; never when the woman was examined."""
    at = case.read_at.astimezone(UTC)
    dataset.TimezoneOffsetFromUTC = "+0000"
    dataset.ContentDate = dataset.InstanceCreationDate = at.strftime("%Y%m%d")
    dataset.ContentTime = dataset.InstanceCreationTime = at.strftime("%H%M%S")


def _capture(source: Source, subject: Subject, case: ReadCase) -> Dataset:
    about = source.image.about
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    add_subject(dataset, subject)
    add_equipment(dataset)
    add_times(dataset, case)
    dataset.Modality = "OT"  # C.7.3.1.1.1: the picture was not acquired
    dataset.ConversionType = "WSD"  # C.8.6.1: made on a workstation
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.InstanceNumber = about.number
    dataset.BodyPartExamined = "BREAST"
    if about.ref.side is not None:
        dataset.ImageLaterality = about.ref.side.value
    else:
        dataset.Laterality = ""
    dataset.PatientOrientation = ""  # how the original was laid is not known here
    dataset.ImageComments = f"{source.image.title}. For research only. Not a medical device."
    return dataset


def _reference(source: Source) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.sop_class_uid
    item.ReferencedSOPInstanceUID = source.sop_instance_uid
    return item


def _add_pixels(dataset: Dataset, picture: NDArray[np.uint8]) -> None:
    is_colour = picture.ndim == 3
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    content = picture.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB"
