"""A DICOM file to a mammogram, in the order of events."""

import numpy as np
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.frames import read_frame
from mammo_core.preprocessing.dicom.header import overlays, raw, read_making, read_spacing
from mammo_core.preprocessing.dicom.identity import pseudonymous
from mammo_core.preprocessing.dicom.matrix import MONOCHROME, PALETTE, read_matrix, stored_values
from mammo_core.preprocessing.dicom.objects import (
    check_object,
    imaging_of,
    is_synthetic,
    kind_modifiers,
)
from mammo_core.preprocessing.dicom.parse import DicomFile, parse
from mammo_core.preprocessing.dicom.tones import Toned, grey_of_channels, grey_of_palette, tone
from mammo_core.preprocessing.dicom.views import read_side_and_view
from mammo_core.preprocessing.judge import has_bright_background, judge
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.identity import keyed_id
from mammo_core.types import ImageInfo, Mammogram


def decode_dicom(data: bytes, *, size: int, key: bytes, image_id: str | None = None) -> Mammogram:
    """The one image in `data`, which may be the mere beginning of a file of `size` bytes.

    Without an `image_id`, one is made of the object's own, keyed.
    """
    file = parse(data)
    header = file.header
    object_notes = check_object(header, has_pixels=file.pixels is not None)
    if size > len(data):
        raise limits.too_large(size)
    toned = _toned(file)
    placed = read_side_and_view(header)
    spacing = read_spacing(header)
    instance = raw(header, "SOPInstanceUID").strip(b" \0")
    image_id = image_id or keyed_id(key, "image", instance or data)
    info = ImageInfo(
        ref=pseudonymous(header, key, image_id=image_id, side=placed.side, view=placed.view),
        kind=f"DICOM, {file.syntax.name}",
        bits=toned.bits,
        spacing_mm=spacing.mm,
        is_spacing_at_detector=spacing.is_at_detector,
        modifiers=tuple(dict.fromkeys((*placed.modifiers, *kind_modifiers(header)))),
        windows=toned.windows,
        black=toned.black,
        stored_window=toned.stored_window,
        unfit=judge(toned.pixels, stored=toned.wide),
        is_synthetic=is_synthetic(header),
        imaging=imaging_of(header),
        making=read_making(header),
        notes=(
            *file.notes,
            *object_notes,
            *placed.notes,
            *spacing.notes,
            *toned.notes,
            *_overlay_notes(header),
            *_background_notes(toned),
        ),
    )
    wide = toned.wide if toned.windows else None
    return Mammogram(info=info, pixels=toned.pixels, wide=wide, stored=toned.stored)


def _toned(file: DicomFile) -> Toned:
    matrix = read_matrix(file.header)
    if file.pixels is None:
        raise ReadError("no_pixels", "This DICOM holds no pixels.")
    words = read_frame(file, file.pixels, matrix)
    if matrix.photometric in MONOCHROME:
        is_lossy = file.syntax.is_lossy
        stored = stored_values(words, matrix, file.header, is_lossy=is_lossy)
        return tone(words, stored, file.header)
    if matrix.photometric == PALETTE:
        grey, bits = grey_of_palette(words, file.header)
        note = "The pixels are numbers into a colour table, which is grey; it was applied."
    else:
        grey, bits = grey_of_channels(words, matrix, file.syntax.family), 8
        note = f"Three channels ({matrix.photometric}) that are grey were made one."
    pixels = grey.astype(np.float32) / np.float32(2**bits - 1)
    wide = grey.astype(np.uint16)
    return Toned(wide=wide, pixels=pixels, windows=(), bits=bits, notes=(note,))


def _overlay_notes(header: Dataset) -> tuple[str, ...]:
    count = len(overlays(header))
    return (f"The file brings drawings over the image ({count}); none is drawn.",) if count else ()


def _background_notes(toned: Toned) -> tuple[str, ...]:
    if not has_bright_background(toned.pixels):
        return ()
    return (
        "The background is bright although the header's photometric interpretation was obeyed.",
    )
