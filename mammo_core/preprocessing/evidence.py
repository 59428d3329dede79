"""Whose image a file is and where it belongs, for an export a researcher wants with identity.

Nothing of this is ever stored: it goes from the file through the reading process into the export.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a DICOM object must repeat of the image it speaks of (PS3.3 C.7.1.1, C.7.2.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    patient_id: str
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    accession_number: str = ""
