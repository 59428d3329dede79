"""How large a pixel is, and where: in the breast, or at the detector, which magnifies."""

from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from mammo_core.preprocessing.dicom.header import numbers, raw

_LARGEST_MM: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    mm: tuple[float, float] | None = None  # (row, column)
    is_at_detector: bool = False
    notes: tuple[str, ...] = ()


def read_spacing(header: Dataset) -> Spacing:
    """Pixel Spacing where it was calibrated, else what the detector or the film scanner says.

    PS3.3 C.10.7.1.3: a Pixel Spacing equal to Imager Pixel Spacing was not calibrated.
    """
    patient = _spacing(header, "PixelSpacing")
    detector = _spacing(header, "ImagerPixelSpacing") or _spacing(
        header, "NominalScannedPixelSpacing"
    )
    notes = tuple(
        f"{attribute} is not two lengths above 0; it was left out."
        for attribute in ("PixelSpacing", "ImagerPixelSpacing")
        if raw(header, attribute).strip(b" \0") and _spacing(header, attribute) is None
    )
    if patient and patient != detector:
        return Spacing(mm=patient, notes=notes)
    return Spacing(mm=detector, is_at_detector=detector is not None, notes=notes)


def _spacing(header: Dataset, attribute: str) -> tuple[float, float] | None:
    values = numbers(header, attribute)
    if len(values) != 2 or values[0] is None or values[1] is None:
        return None
    row, column = values[0], values[1]
    return (row, column) if 0 < row < _LARGEST_MM and 0 < column < _LARGEST_MM else None
