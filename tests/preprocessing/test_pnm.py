"""PGM and PPM, whose maximum may be any number: read exactly."""

import numpy as np
import pytest

from mammo_core.errors import ReadError
from mammo_core.preprocessing.raster import read_grey_map
from tests.preprocessing.dicom_files import read


@pytest.mark.parametrize(
    ("highest", "values"),
    [
        (255, [0, 1, 128, 255]),
        (1, [0, 1, 1, 0]),
        (4095, [0, 1, 2048, 4095]),
        (16383, [0, 1, 8192, 16383]),
        (65535, [0, 1, 32768, 65535]),
    ],
)
def test_binary_and_written_values_come_back_exactly(highest: int, values: list[int]) -> None:
    order = ">u2" if highest > 255 else "u1"
    head = f"2 2\n{highest}\n".encode()
    binary = b"P5\n" + head + np.array(values, dtype=order).tobytes()
    written = b"P2\n# a comment\n" + head + " ".join(map(str, values)).encode()
    for content in (binary, written):
        picture = read_grey_map(content)
        assert picture.values.ravel().tolist() == values
        assert picture.highest == highest


def test_twelve_bits_stay_twelve_bits() -> None:
    mammogram = read(b"P5 2 1 4095\n" + np.array([5, 4095], dtype=">u2").tobytes())
    assert mammogram.info.bits == 12
    assert mammogram.wide is not None
    assert mammogram.wide.tolist() == [[5, 4095]]
    assert mammogram.info.kind == "PGM"


def test_eight_bits_are_scaled_by_their_own_maximum() -> None:
    assert read(b"P5 2 1 100\n\x00\x32").pixels.tolist() == [[0.0, 0.5]]


def test_three_equal_channels_are_grey_and_others_refused() -> None:
    assert read(b"P6 2 1 255\n" + b"\1\1\1\2\2\2").info.kind == "PPM"
    with pytest.raises(ReadError, match="coloured"):
        read(b"P6 2 1 255\n" + b"\1\1\1\xff\0\0")
    with pytest.raises(ReadError, match="coloured"):
        read(b"P3 1 1 15\n 15 0 0")


def test_comments_may_stand_anywhere_in_the_header() -> None:
    assert read(b"P5 # made up\n2 # wide\n1\n#!\n255\n\x00\xff").pixels.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"P5 2 2 255\n\0\0\0", "truncated"),
        (b"P5 2 2 4095\n" + b"\0" * 7, "truncated"),
        (b"P2 2 2 255\n1 2 3", "truncated"),
        (b"P2 2 1 255\n1 2 3", "damaged"),
        (b"P2 2 1 255\n1 x", "damaged"),
        (b"P2 2 1 9\n1 10", "damaged"),
        (b"P5 2 1 255\n\0\0\1\2", "damaged"),
        (b"P5 2 1 70000\n\0\0", "damaged"),
        (b"P5 0 1 255\n", "damaged"),
        (b"P5 99999 99999 255\n\0", "damaged"),
        (b"P5 16000 16000 255\n\0", "too_large"),
        (b"P5 two 1 255\n\0\0", "damaged"),
    ],
)
def test_a_broken_grey_map_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(ReadError) as refused:
        read(content)
    assert refused.value.code == code
