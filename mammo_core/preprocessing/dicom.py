"""DICOM files: from the header and the stored values to a mammogram."""

import io

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from mammo_core.errors import ReadError
from mammo_core.types import ImageRef, Laterality, Mammogram, View, Window


def decode_dicom(data: bytes, *, image_id: str) -> Mammogram:
    """The one image in `data`: tissue bright, first window applied."""
    try:
        header = pydicom.dcmread(io.BytesIO(data))
        stored = header.pixel_array
    except (InvalidDicomError, AttributeError, NotImplementedError, RuntimeError) as error:
        raise ReadError("damaged", f"This DICOM cannot be read ({error}).") from None
    bits = int(header.BitsStored)
    slope = float(header.get("RescaleSlope", 1))
    intercept = float(header.get("RescaleIntercept", 0))
    lowest = -(2 ** (bits - 1)) if header.PixelRepresentation else 0
    wide = (stored.astype(np.int32) - lowest).astype(np.uint16)
    low, high = float(wide.min()), float(wide.max())
    if "WindowCenter" in header:
        center = float(np.atleast_1d(header.WindowCenter)[0])
        width = float(np.atleast_1d(header.WindowWidth)[0])
        low = (center - 0.5 - (width - 1) / 2 - intercept) / slope - lowest
        high = (center - 0.5 + (width - 1) / 2 - intercept) / slope - lowest
    if header.PhotometricInterpretation == "MONOCHROME1":
        top = 2**bits - 1
        wide, low, high = (top - wide).astype(np.uint16), top - high, top - low
    pixels = np.clip((wide - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)
    side = str(header.get("ImageLaterality") or header.get("Laterality") or "")
    view = str(header.get("ViewPosition", ""))
    return Mammogram(
        ref=ImageRef(
            image_id=image_id,
            side=Laterality(side) if side in tuple(Laterality) else None,
            view=View(view) if view in tuple(View) else None,
        ),
        pixels=pixels.astype(np.float32),
        kind="DICOM",
        bits=bits,
        wide=wide,
        windows=(Window(name="Window 1", low=low, high=high),),
    )
