"""The grey values published models are given: what a file stores, whatever it shows them as."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mammo_core.config import PrepareSettings
from mammo_core.prepare_settings import AuthorsWay
from mammo_core.preprocessing.pixel_files import keep_image, load_image
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.types import Mammogram
from tests.preprocessing.dicom_files import file_of, header_of, read

SHAPE = (200, 120)
KEY = bytes(32)


def tissue(lowest: int = 1000, *, ground: int = 0) -> np.ndarray:
    """A half disc of 12 bits at the chest wall, its values rising from column to column."""
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    inside = ((rows - 100) / 60) ** 2 + (columns / 40) ** 2 < 1
    return np.where(inside, lowest + 10 * columns, ground).astype(np.uint16)


def table(entries: np.ndarray) -> Sequence:
    """A table of 16 bits, as GE's files bring for the values of theirs."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), 0, 16])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return Sequence([item])


def dicom(pixels: np.ndarray, **elements: object) -> bytes:
    header = header_of(pixels)
    for keyword in ("WindowCenter", "WindowWidth"):
        if keyword in header and keyword not in elements:
            delattr(header, keyword)
    for keyword, value in elements.items():
        setattr(header, keyword, value)
    header.PixelData = pixels.tobytes()
    return file_of(header)


STEEP = np.rint(65535 * np.minimum(np.sqrt(np.arange(4096) / 1400), 1))  # all tissue above 55,000


def seen(mammogram: Mammogram, **way: object) -> np.ndarray:
    settings = PrepareSettings(
        size=SHAPE, crop="none", fit="stretch", is_turned=False, is_masked=False,
        mean=(0.0,), std=(1.0,), authors=AuthorsWay(**way),
    )  # fmt: skip
    return prepare(mammogram, settings).pixels[0]


def test_what_is_stored_is_not_what_a_table_makes_of_it() -> None:
    image = read(dicom(tissue(), VOILUTSequence=table(STEEP)))
    assert image.pixels.max() > 0.99
    np.testing.assert_allclose(seen(image, values="stored"), tissue() / 4095, atol=1 / 65535)


def test_the_counts_of_a_detector_are_given_as_counts_and_not_as_logarithms() -> None:
    counts = np.where(tissue() > 0, 3000 - tissue(), 3000).astype(np.uint16)
    image = read(
        dicom(
            counts,
            PhotometricInterpretation="MONOCHROME1",
            PresentationIntentType="FOR PROCESSING",
            PixelIntensityRelationship="LIN",
            PixelIntensityRelationshipSign=1,
        )
    )
    np.testing.assert_allclose(
        seen(image, values="stored"), (3000 - counts.astype(float)) / 4095, atol=1 / 65535
    )


def test_the_ground_of_a_turned_image_is_exactly_0() -> None:
    """MONOCHROME1 whose air is 3900 of 4095: what is stored is counted down from there."""
    stored = np.where(tissue() > 0, 3900 - tissue(), 3900).astype(np.uint16)
    image = read(dicom(stored, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(seen(image, values="stored"), tissue() / 4095, atol=1 / 65535)
    assert (image.info.black, image.stored) == (195, None)  # no second copy of it is kept


def test_signed_values_without_a_negative_one_are_counted_from_0() -> None:
    image = read(dicom(tissue(), PixelRepresentation=1, WindowCenter=1000, WindowWidth=2000))
    np.testing.assert_allclose(seen(image, values="stored"), tissue() / 4095, atol=1 / 65535)


def test_a_window_of_numbers_counts_where_a_table_is_there_too() -> None:
    both = read(dicom(tissue(), VOILUTSequence=table(STEEP), WindowCenter=1200.5, WindowWidth=401))
    windowed = np.clip((tissue().astype(float) - 1000) / 400, 0, 1)
    np.testing.assert_allclose(seen(both, values="numbers"), windowed, atol=1 / 65535)
    np.testing.assert_allclose(seen(both, values="window"), both.pixels, atol=1 / 65535)


def test_without_a_window_of_numbers_a_table_is_left_out_and_the_crop_spread() -> None:
    alone = read(dicom(tissue(), VOILUTSequence=table(STEEP)))
    spread = tissue() / tissue().max()
    np.testing.assert_allclose(seen(alone, values="numbers", spread="crop"), spread, atol=1 / 65535)


@pytest.mark.parametrize("place", ["piped", "kept"])
def test_what_is_stored_comes_through_the_pipe_and_out_of_the_store(
    place: str, tmp_path: Path
) -> None:
    content = dicom(tissue(), VOILUTSequence=table(STEEP))
    if place == "piped":
        process = ReadingProcess()
        image = process.read(content, key=KEY)
        process.close()
    else:
        kept = keep_image(content, tmp_path / "image", read=read, mask=lambda image: image)
        image = load_image(tmp_path / "image", kept.info)
    assert image.stored is not None
    np.testing.assert_array_equal(image.stored, tissue())


def test_an_image_of_8_bits_is_not_rounded_to_them_again_after_scaling() -> None:
    pixels = tissue(100) // 4 * 3 % 256
    header = header_of(pixels.astype(np.uint8), bits_stored=8)
    for keyword in ("WindowCenter", "WindowWidth"):
        delattr(header, keyword)
    header.PixelData = pixels.astype(np.uint8).tobytes()
    image = read(file_of(header))
    settings = PrepareSettings(
        size=(100, 60), crop="none", fit="stretch", is_turned=False, is_masked=False,
        mean=(0.0,), std=(1.0,), authors=AuthorsWay(resampling="area"),
    )  # fmt: skip
    means = pixels.reshape(100, 2, 60, 2).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(prepare(image, settings).pixels[0], means, atol=1 / 65535)
