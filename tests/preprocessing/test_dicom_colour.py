"""DICOM with a colour table or three channels: read where it is grey, refused where it is not."""

import struct

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from pydicom.dataset import Dataset

from mammo_core.errors import ReadError
from mammo_core.types import Mammogram
from tests.preprocessing.dicom_files import (
    JPEG,
    JPEG_2000,
    RLE,
    SECONDARY_CAPTURE,
    compressed_file,
    file_of,
    header_of,
    items,
    read,
    rle_frame,
)

GREY = np.arange(32 * 40, dtype=np.uint16).reshape(32, 40).astype(np.uint8)
RGB = np.stack([GREY] * 3, axis=-1)
YBR = np.stack([GREY, np.full_like(GREY, 128), np.full_like(GREY, 128)], axis=-1)
RED = np.stack([GREY, GREY // 2, GREY // 2], axis=-1)


def header(photometric: str, *, is_planar: bool = False, samples: int = 3) -> Dataset:
    dataset = header_of(GREY, bits_stored=8)
    dataset.SOPClassUID, dataset.Modality = SECONDARY_CAPTURE, "OT"
    dataset.PhotometricInterpretation = photometric
    dataset.SamplesPerPixel = samples
    if samples > 1:
        dataset.PlanarConfiguration = int(is_planar)
    return dataset


def uncompressed(photometric: str, pixels: NDArray[np.uint8], *, is_planar: bool = False) -> bytes:
    dataset = header(photometric, is_planar=is_planar)
    planes = np.moveaxis(pixels, -1, 0) if is_planar else pixels
    dataset.PixelData = planes.tobytes()
    dataset["PixelData"].VR = "OB"
    return file_of(dataset)


def encapsulated(photometric: str, frame: bytes, syntax: str) -> bytes:
    return compressed_file(header(photometric), items(b"", [frame]), syntax)


def grey_of(mammogram: Mammogram) -> NDArray[np.int64]:
    return np.rint(mammogram.pixels * 255).astype(np.int64)


@pytest.mark.parametrize(
    ("photometric", "pixels", "is_planar"),
    [("RGB", RGB, False), ("RGB", RGB, True), ("YBR_FULL", YBR, False), ("YBR_FULL", YBR, True)],
)
def test_uncompressed_channels_that_are_grey_become_one(
    photometric: str, pixels: NDArray[np.uint8], is_planar: bool
) -> None:
    mammogram = read(uncompressed(photometric, pixels, is_planar=is_planar))
    assert grey_of(mammogram).tolist() == GREY.tolist()
    assert any(f"Three channels ({photometric})" in note for note in mammogram.notes)


@pytest.mark.parametrize(
    ("photometric", "frame", "syntax"),
    [
        ("RGB", rle_frame(RGB), RLE),
        ("YBR_FULL", rle_frame(YBR), RLE),
        ("RGB", bytes(imagecodecs.jpegls_encode(RGB)), JPEG + "80"),
        ("YBR_FULL", bytes(imagecodecs.jpegls_encode(YBR)), JPEG + "80"),
        ("YBR_RCT", encode_array(RGB, photometric_interpretation=1), JPEG_2000),
        ("RGB", encode_array(RGB, photometric_interpretation=0, use_mct=False), JPEG_2000),
    ],
)
def test_losslessly_compressed_channels_that_are_grey_become_one(
    photometric: str, frame: bytes, syntax: str
) -> None:
    assert grey_of(read(encapsulated(photometric, frame, syntax))).tolist() == GREY.tolist()


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_a_jpeg_in_colour_that_is_grey_becomes_one_channel(photometric: str) -> None:
    subsampling = "422" if photometric.endswith("422") else "444"
    space = "RGB" if photometric == "RGB" else "YCBCR"
    frame = bytes(
        imagecodecs.jpeg8_encode(
            RGB, level=98, subsampling=subsampling, colorspace="RGB", outcolorspace=space
        )
    )
    mammogram = read(encapsulated(photometric, frame, JPEG + "50"))
    assert np.abs(grey_of(mammogram) - GREY).max() <= 12


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_real_colour_is_refused(photometric: str) -> None:
    """As YBR, RED has colour differences far from 128."""
    with pytest.raises(ReadError, match="coloured"):
        read(uncompressed(photometric, RED))


def test_uncompressed_ybr_with_halved_colour_is_refused_by_name() -> None:
    with pytest.raises(ReadError, match="YBR_FULL_422"):
        read(uncompressed("YBR_FULL_422", YBR))


def test_channels_that_the_header_miscounts_are_refused() -> None:
    dataset = header("RGB", samples=1)
    dataset.PixelData = GREY.tobytes()
    with pytest.raises(ReadError, match="RGB with 1 samples"):
        read(file_of(dataset))


def palette(red: list[int], green: list[int], blue: list[int], *, bits: int, first: int) -> bytes:
    dataset = header("PALETTE COLOR", samples=1)
    for colour, table in (("Red", red), ("Green", green), ("Blue", blue)):
        descriptor = [len(table), first, bits]
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", descriptor)
        data = struct.pack(f"<{len(table)}H", *table)
        setattr(dataset, f"{colour}PaletteColorLookupTableData", data)
    pixels = np.tile(np.array([9, 10, 11, 12], dtype=np.uint8), (32, 10))
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB"
    return file_of(dataset)


def test_a_grey_palette_is_looked_up() -> None:
    """10, 11, 12 stand for 0, 51, 255; 9 lies before the table and takes its first entry."""
    table = [0, 51, 255]
    mammogram = read(palette(table, table, table, bits=8, first=10))
    assert mammogram.pixels[0, :4] == pytest.approx([0.0, 0.0, 0.2, 1.0])


def test_a_grey_palette_of_sixteen_bits_is_looked_up() -> None:
    table = [0, 13107, 65535]
    mammogram = read(palette(table, table, table, bits=16, first=10))
    assert mammogram.pixels[0, :4] == pytest.approx([0.0, 0.0, 0.2, 1.0])


def test_a_coloured_palette_is_refused() -> None:
    with pytest.raises(ReadError, match="coloured"):
        read(palette([0, 90, 255], [0, 51, 0], [0, 51, 255], bits=8, first=10))


def test_a_palette_that_is_missing_or_short_is_refused() -> None:
    dataset = header("PALETTE COLOR", samples=1)
    dataset.PixelData = GREY.tobytes()
    with pytest.raises(ReadError, match="colour table"):
        read(file_of(dataset))
    for keyword in ("Red", "Green", "Blue"):
        setattr(dataset, f"{keyword}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{keyword}PaletteColorLookupTableData", b"\0" * 8)
    with pytest.raises(ReadError, match="colour table"):
        read(file_of(dataset))
