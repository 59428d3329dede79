"""Which bits of a word are the pixel: padding, overlays, shifted, signed, and headers that lie."""

import numpy as np
import pytest

from mammo_core.errors import ReadError
from mammo_core.types import Mammogram
from tests.preprocessing.dicom_files import (
    JPEG_2000,
    compressed,
    compressed_file,
    encoded_file,
    file_of,
    header_of,
    items,
    mammogram_file,
    ramp,
    read,
)


def wide_of(mammogram: Mammogram) -> list[int]:
    assert mammogram.wide is not None
    return [int(value) for value in mammogram.wide.ravel()]


def words(*values: int) -> np.ndarray:
    return np.array([values], dtype=np.uint16)


def test_signed_values_with_and_without_their_sign_carried_on_are_the_same() -> None:
    """-2048, -1, 0, 2047 in 12 bits: as 0xF800 and 0x0800, and so on."""
    signed = {"PixelRepresentation": 1, "WindowCenter": 0, "WindowWidth": 4096}
    carried = read(mammogram_file(words(0xF800, 0xFFFF, 0x0000, 0x07FF), **signed))
    short = read(mammogram_file(words(0x0800, 0x0FFF, 0x0000, 0x07FF), **signed))
    assert wide_of(carried) == wide_of(short) == [0, 2047, 2048, 4095]
    assert carried.pixels[0, 0] == 0.0
    assert carried.pixels[0, 3] == 1.0


def test_high_bit_15_means_the_value_lies_four_bits_up() -> None:
    mammogram = read(mammogram_file(words(0x0000, 0x0010, 0xFFF0), HighBit=15))
    assert wide_of(mammogram) == [0, 1, 4095]
    assert "Stored values lie 4 bits up in their words." in mammogram.notes


def test_a_high_bit_that_the_pixels_disprove_is_not_obeyed() -> None:
    mammogram = read(mammogram_file(words(0, 1, 2, 4095), HighBit=15))
    assert wide_of(mammogram) == [0, 1, 2, 4095]
    assert any("highest bit at 15" in note for note in mammogram.notes)


def test_bits_stored_that_lies_does_not_wrap_values_around() -> None:
    """10 bits said, 12 used: 4095 stays the brightest and does not become 1023."""
    mammogram = read(mammogram_file(words(0, 1000, 4095), BitsStored=10, HighBit=9))
    assert wide_of(mammogram) == [0, 1000, 4095]
    assert mammogram.info.bits == 12
    assert "The header says 10 bits are stored; the pixels have 12." in mammogram.notes


def test_an_overlay_in_the_high_bits_is_masked() -> None:
    header = header_of(words(0x1000, 0x0FFF, 0x1005))
    header.add_new(0x60000100, "US", 16)
    header.add_new(0x60000102, "US", 12)
    header.PixelData = words(0x1000, 0x0FFF, 0x1005).tobytes()
    mammogram = read(file_of(header))
    assert wide_of(mammogram) == [0, 4095, 5]
    assert any("overlay" in note for note in mammogram.notes)


def test_an_overlay_beside_the_pixels_is_told_and_not_drawn() -> None:
    header = header_of(ramp())
    header.add_new(0x60000102, "US", 0)
    header.add_new(0x60003000, "OW", b"\xff" * 16)
    header.PixelData = ramp().tobytes()
    mammogram = read(file_of(header))
    assert wide_of(mammogram) == list(range(128))
    assert "The file brings drawings over the image (1); none is drawn." in mammogram.notes


def test_padding_becomes_background_and_does_not_count_as_breast() -> None:
    """Padding of 4000 around a breast of 1000 to 1100: without the header it would be white."""
    pixels = np.full((64, 64), 4000, dtype=np.uint16)
    pixels[:, 32:] = np.linspace(1000, 1100, 64 * 32).reshape(64, 32).astype(np.uint16)
    changes = {"WindowCenter": None, "WindowWidth": None, "PixelPaddingValue": 4000}
    mammogram = read(mammogram_file(pixels, **changes))
    (window,) = mammogram.windows
    assert 1000 <= window.low <= 1010
    assert 1090 <= window.high <= 1100
    assert mammogram.pixels[0, 0] == 0.0
    assert "Padding around the image was made background." in mammogram.notes


def test_padding_may_be_a_range() -> None:
    content = mammogram_file(
        words(10, 11, 12, 13, 4095), PixelPaddingValue=10, PixelPaddingRangeLimit=12
    )
    assert wide_of(read(content)) == [0, 0, 0, 13, 4095]


def test_padding_outside_of_the_stored_bits_is_no_lie_about_them() -> None:
    """65535 around an image of 12 bits, as some machines pad."""
    mammogram = read(mammogram_file(words(65535, 7, 4095), PixelPaddingValue=65535))
    assert wide_of(mammogram) == [0, 7, 4095]
    assert mammogram.info.bits == 12


def test_padding_of_monochrome1_is_black_too() -> None:
    mammogram = read(
        mammogram_file(
            words(0, 5, 4095), PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0
        )
    )
    assert wide_of(mammogram) == [0, 4090, 0]
    assert mammogram.pixels[0, 0] == 0.0


def test_signed_padding_is_found_with_and_without_its_sign() -> None:
    changes = {"PixelRepresentation": 1, "PixelPaddingValue": -2000}
    for padding in (0xF830, 0x0830):
        assert wide_of(read(mammogram_file(words(padding, 0, 100), **changes))) == [0, 2048, 2148]


def test_an_image_of_nothing_but_padding_is_black() -> None:
    mammogram = read(mammogram_file(words(9, 9, 9), PixelPaddingValue=9))
    assert mammogram.pixels.max() == 0.0


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"BitsStored": 0}, "0 bits are stored"),
        ({"BitsStored": 17, "HighBit": 16}, "17 bits are stored"),
        ({"BitsAllocated": 32}, "32 bits allocated"),
        ({"HighBit": 5}, "up to bit 5"),
    ],
)
def test_bits_that_cannot_be_are_refused(changes: dict[str, int], found: str) -> None:
    with pytest.raises(ReadError, match=found):
        read(mammogram_file(ramp(), **changes))


def test_twelve_bits_in_a_codestream_of_sixteen_are_read() -> None:
    """Common: the encoder was told 16 bits, the header says that 12 of them count."""
    pixels = ramp(32, 40, step=3)
    header = header_of(pixels)
    frame = compressed(pixels, JPEG_2000, bits=16)
    assert wide_of(read(compressed_file(header, items(b"", [frame]), JPEG_2000))) == list(
        range(0, 3 * 32 * 40, 3)
    )


def test_a_codestream_with_fewer_bits_than_the_header_needs_is_refused() -> None:
    header = header_of(ramp(32, 40))
    frame = compressed((ramp(32, 40) % 256).astype(np.uint8), JPEG_2000, bits=8)
    with pytest.raises(ReadError, match="12 of 16 bits, its compressed image 8 bits"):
        read(compressed_file(header, items(b"", [frame]), JPEG_2000))


def test_a_signed_codestream_under_an_unsigned_header_is_refused() -> None:
    header = header_of(ramp(32, 40))
    frame = compressed(ramp(32, 40).astype(np.int16), JPEG_2000, bits=12)
    with pytest.raises(ReadError) as refused:
        read(compressed_file(header, items(b"", [frame]), JPEG_2000))
    assert refused.value.code == "codestream_disagrees"


def test_big_endian_bytes_are_put_in_order() -> None:
    content = encoded_file(np.array([[1, 256, 4095]]), "1.2.840.10008.1.2.2", bits_stored=12)
    assert wide_of(read(content)) == [1, 256, 4095]
