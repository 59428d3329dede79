"""A read case as DICOM: its views as Secondary Captures (PS3.3 A.8.1), and what the objects of one
study have in common.
"""

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from mammo_core import __version__
from mammo_core.errors import MammoError
from mammo_core.preprocessing.phantoms.mark import SYNTHETIC_MARK
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.records import to_document
from mammo_core.reports.case.picture import Appearance, grey_picture, overlay_picture
from mammo_core.reports.case.record import Pseudonyms, ReadCase, ReadImage, seed_of
from mammo_core.words import NOTICE, many


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The woman and the study, in the words of DICOM; empty where unknown or withheld."""

    is_pseudonymous: bool
    study_uid: str
    patient_id: str
    patient_name: str
    issuer: str = ""
    birth_date: str = ""
    sex: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    accession_number: str = ""
    is_synthetic: bool = False  # every image was drawn; there is no such woman


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """One image, and how DICOM objects refer to it."""

    image: ReadImage
    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    reduction: float  # original pixels per pixel of the image referred to


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DicomStudy:
    subject: Subject
    sources: tuple[Source, ...]


def pseudonymous_studies(case: ReadCase, pseudonyms: Pseudonyms) -> list[DicomStudy]:
    """One study per exam; images of no known exam make one together."""
    exams: dict[str, list[ReadImage]] = {}
    for image in case.images:
        exams.setdefault(pseudonyms.study_uid(image.about), []).append(image)
    return [_pseudonymous(uid, images, pseudonyms) for uid, images in exams.items()]


def identified_studies(case: ReadCase, originals: Mapping[str, Evidence]) -> list[DicomStudy]:
    """One study per original study, all of one woman; `originals` by the hash of their content."""
    refuse_incomplete(case, originals)
    studies: dict[str, list[ReadImage]] = {}
    for image in case.images:
        studies.setdefault(_original(originals, image).study_uid, []).append(image)
    return [_identified(images, originals) for images in studies.values()]


def _pseudonymous(
    study_uid: str, images: Sequence[ReadImage], pseudonyms: Pseudonyms
) -> DicomStudy:
    patient = pseudonyms.patient(images[0].about)
    subject = Subject(
        is_pseudonymous=True,
        study_uid=study_uid,
        patient_id=patient,
        patient_name=f"{patient}^Pseudonym",
        study_id=pseudonyms.exam(images[0].about),
        is_synthetic=all(image.about.info.is_synthetic for image in images),
    )
    sources = [
        Source(
            image=image,
            sop_class_uid=SecondaryCaptureImageStorage,
            sop_instance_uid=pseudonyms.image_uid(image.about),
            series_uid=pseudonyms.uid("series", study_uid, "images"),
            reduction=image.reduction,
        )
        for image in images
    ]
    return DicomStudy(subject=subject, sources=tuple(sources))


def _identified(images: Sequence[ReadImage], originals: Mapping[str, Evidence]) -> DicomStudy:
    first = _original(originals, images[0])
    subject = Subject(
        is_pseudonymous=False,
        study_uid=first.study_uid,
        patient_id=first.patient_id,
        patient_name=first.patient_name,
        issuer=first.issuer,
        birth_date=first.birth_date,
        sex=first.sex,
        study_id=first.study_id,
        study_date=first.study_date,
        study_time=first.study_time,
        accession_number=first.accession_number,
    )
    sources = []
    for image in images:
        original = _original(originals, image)
        sources.append(
            Source(
                image=image,
                sop_class_uid=original.sop_class_uid,
                sop_instance_uid=original.sop_instance_uid,
                series_uid=original.series_uid,
                reduction=1.0,
            )
        )
    return DicomStudy(subject=subject, sources=tuple(sources))


def _original(originals: Mapping[str, Evidence], image: ReadImage) -> Evidence:
    return originals[image.about.ref.image_id]


def refuse_incomplete(case: ReadCase, originals: Mapping[str, Evidence]) -> None:
    """With identity goes only a case of one woman, all of whose images came with it."""
    missing = [i.title for i in case.images if i.about.ref.image_id not in originals]
    if missing:
        raise MammoError(
            f"{len(missing)} of {many(len(case.images), 'image', 'images')} came without their "
            f"original file ({', '.join(missing)}). Drop the same files the case was opened from; "
            "an image that was never a DICOM file can only be exported without identity."
        )
    patients = {_original(originals, image).patient_id for image in case.images}
    if len(patients) > 1:
        raise MammoError(
            f"The originals belong to {len(patients)} patients. Open the images of each patient "
            "as a separate case, and export that."
        )


RESEARCH_ONLY: Final = "RESEARCH ONLY, NOT FOR CLINICAL USE"
MANUFACTURER: Final = "Mammoscope"
_OVERLAYS_SERIES: Final = 9001
_IMAGES_SERIES: Final = 9000


def overlay_capture(
    source: Source, study: DicomStudy, case: ReadCase, *, look: Appearance, pseudonyms: Pseudonyms
) -> Dataset:
    """The view with heatmap and burned-in words, referring to the image it was made of."""
    picture = overlay_picture(source.image, case, look)
    drawn = [to_document(look), [round(one.image.reduction, 4) for one in study.sources]]
    seed = (study.subject.study_uid, seed_of(case), json.dumps(drawn))
    dataset = _capture(source, study.subject, case)
    dataset.SeriesInstanceUID = pseudonyms.uid("series", "overlays", *seed)
    dataset.SeriesNumber = _OVERLAYS_SERIES
    dataset.SeriesDescription = f"{RESEARCH_ONLY} heatmaps"
    dataset.SOPInstanceUID = pseudonyms.uid("overlay", source.sop_instance_uid, *seed)
    dataset.DerivationDescription = (
        f"Grey image under a heatmap of what moved a model's score, with burned-in words. {NOTICE}"
    )
    dataset.SourceImageSequence = [_reference(source)]
    _add_pixels(dataset, picture)
    return dataset


def image_capture(
    source: Source, study: DicomStudy, case: ReadCase, *, look: Appearance
) -> Dataset:
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


@contextmanager
def untold() -> Iterator[None]:
    """A library that finds a name unusual warns of it and logs it, and tells the name."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def add_subject(dataset: Dataset, subject: Subject) -> None:
    """Patient (C.7.1.1) and General Study (C.7.2.1). What is unknown is present and empty."""
    dataset.PatientName = subject.patient_name
    dataset.PatientID = subject.patient_id
    if subject.issuer:  # type 3: whose id it is, where the archive says so
        dataset.IssuerOfPatientID = subject.issuer
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
    dataset.ManufacturerModelName = f"{MANUFACTURER}, RESEARCH ONLY"
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
    told = (f"{source.image.title}.", f"{source.image.stamp}." * bool(source.image.stamp))
    dataset.ImageComments = " ".join(filter(None, (*told, case.missing, NOTICE)))
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
