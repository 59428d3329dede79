"""Pictures that are not DICOM: one grey image each, tissue bright.

A picture does not say which end of its grey is tissue, so a bright background is turned; it does
not say which of its values matter, so one above 8 bits is shown over the range of the breast.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.breast_range import breast_window
from mammo_core.preprocessing.bright_background import has_bright_background
from mammo_core.preprocessing.channels import Levels, levels
from mammo_core.preprocessing.pictures import Picture, read_picture
from mammo_core.preprocessing.pnm import is_grey_map, read_grey_map
from mammo_core.preprocessing.synthetic import is_marked_png
from mammo_core.types import ImageRef, Mammogram, Pixels


def decode_raster(data: bytes, *, image_id: str) -> Mammogram:
    """The one grey picture in `data`, a PNG, JPEG, TIFF, BMP, WebP, PGM or PPM."""
    mammogram = _read(data, image_id=image_id)
    return replace(mammogram, is_synthetic=True) if is_marked_png(data) else mammogram


def _read(data: bytes, *, image_id: str) -> Mammogram:
    picture = read_grey_map(data) if is_grey_map(data) else read_picture(data)
    values, notes = _tissue_bright(picture)
    bits = picture.highest.bit_length()
    if bits > 8:
        return _windowed(
            values.astype(np.uint16), picture.kind, notes, image_id=image_id, bits=bits
        )
    return Mammogram(
        ref=ImageRef(image_id=image_id),
        pixels=_scaled(values, 0, picture.highest),
        kind=picture.kind,
        bits=bits,
        notes=notes,
    )


def _tissue_bright(picture: Picture) -> tuple[Levels, tuple[str, ...]]:
    if not has_bright_background(_scaled(picture.values, 0, picture.highest)):
        return picture.values, picture.notes
    note = "The background was bright: the picture was turned inside out."
    return levels(picture.highest - picture.values, picture.highest), (*picture.notes, note)


def _windowed(
    wide: NDArray[np.uint16], kind: str, notes: tuple[str, ...], *, image_id: str, bits: int
) -> Mammogram:
    window = breast_window(wide)
    note = (
        f"Stored values run from {wide.min():,} to {wide.max():,}; "
        f"{window.low:,.0f} to {window.high:,.0f}, the range inside the breast, is shown."
    )
    return Mammogram(
        ref=ImageRef(image_id=image_id),
        pixels=_scaled(wide, window.low, window.high),
        kind=kind,
        bits=bits,
        wide=wide,
        windows=(window,),
        notes=(*notes, note),
    )


def _scaled(values: Levels, low: float, high: float) -> Pixels:
    pixels = values.astype(np.float32)
    pixels -= np.float32(low)
    pixels /= np.float32(high - low)
    return np.clip(pixels, 0.0, 1.0, out=pixels)
