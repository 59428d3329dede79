"""The only place where ids of people are read: they leave it as keyed hashes, or not at all."""

from pydicom.dataset import Dataset

from mammo_core.preprocessing.dicom.header import raw
from mammo_core.preprocessing.keyed_ids import keyed_id
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
