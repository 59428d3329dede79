"""Pictures that are not DICOM: PNG, JPEG, TIFF, BMP, WebP."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from mammo_core.errors import ReadError
from mammo_core.types import ImageRef, Mammogram


def decode_raster(data: bytes, *, image_id: str) -> Mammogram:
    """The one grey picture in `data`."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind = str(image.format)
            values = np.asarray(image if image.mode in ("L", "I;16") else image.convert("L"))
    except UnidentifiedImageError:
        raise ReadError(
            "unknown",
            "This file is neither a DICOM nor a picture this program knows.",
            "Readable are DICOM, PNG, JPEG, TIFF, PGM, PPM, BMP and WebP.",
        ) from None
    except OSError as error:
        raise ReadError(
            "damaged", f"This picture is damaged ({error}).", "Export it again."
        ) from None
    bits = values.dtype.itemsize * 8
    return Mammogram(
        ref=ImageRef(image_id=image_id),
        pixels=values.astype(np.float32) / np.float32(2**bits - 1),
        kind=kind,
        bits=bits,
    )
