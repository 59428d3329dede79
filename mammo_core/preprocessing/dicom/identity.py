"""The only place where ids and names of people are read. Ids leave it as keyed hashes; names only
on a researcher's explicit wish, for an export with identity.
"""

import logging
import re
import warnings
from datetime import date
from typing import Final

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.header import raw
from mammo_core.preprocessing.dicom.parse import parse
from mammo_core.preprocessing.reading.identity import Evidence, keyed_id
from mammo_core.preprocessing.reading.read import is_dicom
from mammo_core.types import ImageRef, Laterality, View


def pseudonymous(
    header: Dataset, key: bytes, *, image_id: str, side: Laterality | None, view: View | None
) -> ImageRef:
    """Who and when as keyed hashes; unknown where the header does not say."""
    patient = raw(header, "PatientID").strip(b" \0")
    study = raw(header, "StudyInstanceUID").strip(b" \0")
    return ImageRef(
        image_id=image_id,
        patient_id=keyed_id(key, "patient", patient) if patient else None,
        exam_id=keyed_id(key, "exam", study) if study else None,
        side=side,
        view=view,
    )


_UIDS: Final = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
#: The most characters each may have (PS3.5 6.2).
_TEXTS: Final = {
    "PatientID": 64,
    "PatientName": 3 * 64 + 2,
    "StudyID": 16,
    "AccessionNumber": 16,
}
#: DA, TM, CS and LO (PS3.5 6.2); what looks like a day must be one as well.
_DAY: Final = re.compile(r"[0-9]{8}")
_SHAPES: Final = {
    "PatientBirthDate": _DAY,
    "StudyDate": _DAY,
    "StudyTime": re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?"),
    "PatientSex": re.compile(r"[MFO]"),
    "IssuerOfPatientID": re.compile(r"[^\x00-\x1f\x7f\\]{1,64}"),
}
_UID: Final = re.compile(r"[0-9.]{3,64}")


def evidence_of(data: bytes) -> Evidence:
    """Whose image `data` is and where it belongs; a ReadError where it does not say."""
    if not is_dicom(data):
        raise ReadError(
            "no_identity",
            "This file is not a DICOM: it does not say whose image it is.",
            "Export it without identity.",
        )
    return evidence_in(parse(data, tags=identity_tags()).header)


def evidence_in(header: Dataset) -> Evidence:
    """The same of a header that is at hand."""
    uids = {keyword: _uid(header, keyword) for keyword in _UIDS}
    if UID(uids["SOPClassUID"]).name == uids["SOPClassUID"]:
        raise ReadError("unknown_object", "The kind of this DICOM object is not a public one.")
    return Evidence(
        sop_class_uid=uids["SOPClassUID"],
        sop_instance_uid=uids["SOPInstanceUID"],
        series_uid=uids["SeriesInstanceUID"],
        study_uid=uids["StudyInstanceUID"],
        patient_id=_text(header, "PatientID"),
        patient_name=_text(header, "PatientName"),
        issuer=_shaped(header, "IssuerOfPatientID"),
        birth_date=_shaped(header, "PatientBirthDate"),
        sex=_shaped(header, "PatientSex"),
        study_id=_text(header, "StudyID"),
        study_date=_shaped(header, "StudyDate"),
        study_time=_shaped(header, "StudyTime"),
        accession_number=_text(header, "AccessionNumber"),
    )


def identity_tags() -> tuple[int, ...]:
    """What is read of a header to tell whose it is."""
    keywords = ("SpecificCharacterSet", *_UIDS, *_TEXTS, *_SHAPES)
    return tuple(int(tag_for_keyword(keyword) or 0) for keyword in keywords)


def _value(header: Dataset, keyword: str) -> str:
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it would log the value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a value pydicom warns of is judged here, by its shape
        value = header.get(keyword)
    return "" if value is None else str(value).strip(" \0")


def _uid(header: Dataset, keyword: str) -> str:
    value = _value(header, keyword)
    if not _UID.fullmatch(value):
        raise ReadError(
            "no_identity",
            f"This DICOM has no valid {keyword}, so nothing can refer to it.",
            "Export it without identity.",
        )
    return value


def _text(header: Dataset, keyword: str) -> str:
    value = _value(header, keyword)
    if len(value) > _TEXTS[keyword] or "\\" in value or not value.isprintable():
        raise ReadError(
            "bad_identity",
            f"The {keyword} of this DICOM is not valid, and a cut one would name someone else.",
            "Export it without identity.",
        )
    return value


def _shaped(header: Dataset, keyword: str) -> str:
    """Empty where it is missing or malformed; DICOM allows all of these to be unknown."""
    value, shape = _value(header, keyword), _SHAPES[keyword]
    if not shape.fullmatch(value) or (shape is _DAY and not _is_day(value)):
        return ""
    return value


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
