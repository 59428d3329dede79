"""Pictures with a colour table or three channels that are grey all the same: made one channel."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError
from mammo_core.preprocessing.channels import grey_channel
from mammo_core.preprocessing.dicom.header import raw, words
from mammo_core.preprocessing.dicom.matrix import PixelMatrix, Words
from mammo_core.preprocessing.dicom.syntaxes import Family

_NEUTRAL: Final = 128  # PS3.3 C.7.6.3.1.2: a grey pixel has both colour differences at half range


def grey_of_channels(frame: Words, matrix: PixelMatrix, family: Family) -> NDArray[np.uint8]:
    """The one grey channel of an RGB or YBR frame; a coloured one is refused.

    The decoder of JPEG returns RGB, whatever the header calls it; the others undo YBR_RCT and
    YBR_ICT, but not YBR_FULL.
    """
    pixels = np.asarray(frame, dtype=np.uint8)
    if matrix.photometric == "YBR_FULL" and family is not Family.JPEG:
        luminance = pixels[..., 0].astype(np.int16)
        difference = pixels[..., 1:].astype(np.int16) - _NEUTRAL
        shifted = np.clip(luminance[..., None] + difference, 0, 255).astype(np.uint8)
        pixels = np.concatenate([pixels[..., :1], shifted], axis=-1)
    return np.asarray(grey_channel(pixels, highest=255), dtype=np.uint8)


def grey_of_palette(frame: Words, header: Dataset) -> tuple[Words, int]:
    """The grey values a palette (PS3.3 C.7.6.3.1.5) gives, and their bits; colour is refused."""
    channels = [_table(header, colour) for colour in ("Red", "Green", "Blue")]
    first, bits = channels[0][1:]
    tables = [entries for entries, _, _ in channels]
    if len({table.size for table in tables}) > 1:
        raise _broken_palette()
    index = np.clip(frame.astype(np.int32) - first, 0, tables[0].size - 1)
    used = np.unique(index)
    coloured = np.stack([table[used].astype(np.uint16) for table in tables], axis=-1)
    grey_channel(coloured >> (bits - 8), highest=255)
    return tables[1][index], bits


def _table(header: Dataset, colour: str) -> tuple[Words, int, int]:
    descriptor = words(header, f"{colour}PaletteColorLookupTableDescriptor")
    data = raw(header, f"{colour}PaletteColorLookupTableData")
    if len(descriptor) != 3 or descriptor[2] not in (8, 16):
        raise _broken_palette()
    count, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
    if len(data) >= 2 * count:
        values = words(header, f"{colour}PaletteColorLookupTableData")
        return np.asarray(values[:count], dtype=np.uint16), first, bits
    if bits == 8 and len(data) >= count:
        return np.frombuffer(data[:count], dtype=np.uint8), first, bits
    raise _broken_palette()


def _broken_palette() -> ReadError:
    return ReadError(
        "broken_palette",
        "This DICOM's pixels are numbers into a colour table, and the table is broken or missing.",
        "Export it as MONOCHROME2.",
    )
