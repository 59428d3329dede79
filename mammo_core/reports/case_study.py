"""What the DICOM objects of one study have in common: whose they are, and the images they refer to.

Without identity, the woman, the study and every image go by keyed pseudonyms, and each image goes
along as a capture under its pseudonymous UID, so that nothing refers to what is not there. With
identity, all of it is that of the original files, given again by the researcher for this export.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.uid import SecondaryCaptureImageStorage

from mammo_core.errors import MammoError
from mammo_core.preprocessing.evidence import Evidence
from mammo_core.reports.case_pseudonyms import Pseudonyms
from mammo_core.reports.case_record import ReadCase, ReadImage
from mammo_core.words import many

_UNKNOWN: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The woman and the study, in the words of DICOM; empty where unknown or withheld."""

    is_pseudonymous: bool
    study_uid: str
    patient_id: str
    patient_name: str
    birth_date: str = _UNKNOWN
    sex: str = _UNKNOWN
    study_id: str = _UNKNOWN
    study_date: str = _UNKNOWN
    study_time: str = _UNKNOWN
    accession_number: str = _UNKNOWN
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
class Study:
    subject: Subject
    sources: tuple[Source, ...]


def pseudonymous_studies(case: ReadCase, pseudonyms: Pseudonyms) -> list[Study]:
    """One study per exam; images of no known exam make one together."""
    exams: dict[str, list[ReadImage]] = {}
    for image in case.images:
        exams.setdefault(pseudonyms.study_uid(image.about), []).append(image)
    return [_pseudonymous(uid, images, pseudonyms) for uid, images in exams.items()]


def identified_studies(case: ReadCase, originals: Mapping[str, Evidence]) -> list[Study]:
    """One study per original study, all of one woman; `originals` by the hash of their content."""
    _refuse_incomplete(case, originals)
    studies: dict[str, list[ReadImage]] = {}
    for image in case.images:
        studies.setdefault(_original(originals, image).study_uid, []).append(image)
    return [_identified(images, originals) for images in studies.values()]


def _pseudonymous(study_uid: str, images: Sequence[ReadImage], pseudonyms: Pseudonyms) -> Study:
    patient = pseudonyms.patient(images[0].about)
    subject = Subject(
        is_pseudonymous=True,
        study_uid=study_uid,
        patient_id=patient,
        patient_name=f"{patient}^Pseudonym",
        study_id=pseudonyms.exam(images[0].about),
        is_synthetic=all(image.about.is_synthetic for image in images),
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
    return Study(subject=subject, sources=tuple(sources))


def _identified(images: Sequence[ReadImage], originals: Mapping[str, Evidence]) -> Study:
    first = _original(originals, images[0])
    subject = Subject(
        is_pseudonymous=False,
        study_uid=first.study_uid,
        patient_id=first.patient_id,
        patient_name=first.patient_name,
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
    return Study(subject=subject, sources=tuple(sources))


def _original(originals: Mapping[str, Evidence], image: ReadImage) -> Evidence:
    return originals[image.about.ref.image_id]


def _refuse_incomplete(case: ReadCase, originals: Mapping[str, Evidence]) -> None:
    missing = [i.title for i in case.images if i.about.ref.image_id not in originals]
    if missing:
        raise MammoError(
            f"{len(missing)} of {many(len(case.images), 'image', 'images')} came without their "
            f"original file ({', '.join(missing)}). Drop the very files the case was opened from; "
            "an image that never was a DICOM can only be exported without identity."
        )
    patients = {_original(originals, image).patient_id for image in case.images}
    if len(patients) > 1:
        raise MammoError(
            f"The originals belong to {len(patients)} patients. Open the images of one patient as "
            "a case of their own, and export that."
        )
