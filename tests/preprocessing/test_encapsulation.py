"""One compressed frame, however its items are laid out; anything else is refused."""

import struct

import imagecodecs
import numpy as np
import pytest

from mammo_core.errors import ReadError
from tests.preprocessing.dicom_files import (
    EXPLICIT,
    JPEG,
    JPEG_2000,
    RLE,
    compressed,
    compressed_file,
    file_of,
    header_of,
    items,
    ramp,
    read,
    rle_frame,
)

PIXELS = ramp(32, 40)
FRAME = compressed(PIXELS, JPEG_2000, bits=12)


def file_with(value: bytes, syntax: str = JPEG_2000) -> bytes:
    return compressed_file(header_of(PIXELS), value, syntax)


def is_read_right(content: bytes) -> bool:
    wide = read(content).wide
    return wide is not None and bool(np.array_equal(wide, PIXELS))


def refused_code(content: bytes) -> str:
    with pytest.raises(ReadError) as refused:
        read(content)
    return refused.value.code


def cut_into(frame: bytes, count: int) -> list[bytes]:
    size = -(-len(frame) // count)
    return [frame[start : start + size] for start in range(0, len(frame), size)]


def test_an_empty_offset_table_is_fine() -> None:
    assert is_read_right(file_with(items(b"", [FRAME])))


def test_an_offset_table_of_one_entry_is_fine() -> None:
    assert is_read_right(file_with(items(struct.pack("<I", 0), [FRAME])))


def test_an_extended_offset_table_of_one_entry_is_fine() -> None:
    header = header_of(PIXELS)
    header.ExtendedOffsetTable = struct.pack("<Q", 0)
    header.ExtendedOffsetTableLengths = struct.pack("<Q", len(FRAME))
    assert is_read_right(compressed_file(header, items(b"", [FRAME]), JPEG_2000))


@pytest.mark.parametrize("count", [2, 5, 50])
def test_a_frame_may_lie_in_several_fragments(count: int) -> None:
    assert is_read_right(file_with(items(b"", cut_into(FRAME, count))))


def test_empty_fragments_are_passed_over() -> None:
    half = len(FRAME) // 2
    assert is_read_right(file_with(items(b"", [b"", FRAME[:half], b"", FRAME[half:], b""])))


@pytest.mark.parametrize("padding", [b"\0", b"\0\0\0"])
def test_padding_after_the_end_marker_is_fine(padding: bytes) -> None:
    assert is_read_right(file_with(items(b"", [FRAME + padding])))


def test_a_missing_end_of_the_items_is_fine_when_the_frame_is_whole() -> None:
    assert is_read_right(file_with(items(b"", [FRAME], has_end=False)))


@pytest.mark.parametrize(
    ("table", "fragments"),
    [
        (struct.pack("<2I", 0, len(FRAME) + 8), [FRAME, FRAME]),
        (b"", [FRAME, FRAME]),
        (b"", [FRAME[:50], FRAME[50:], FRAME]),
    ],
)
def test_two_frames_are_refused(table: bytes, fragments: list[bytes]) -> None:
    assert refused_code(file_with(items(table, fragments))) == "multi_frame"


@pytest.mark.parametrize("value", [items(b"", []), items(b"", [b""]), b""])
def test_items_without_an_image_are_refused(value: bytes) -> None:
    assert refused_code(file_with(value)) == "no_pixels"


def test_an_item_longer_than_the_file_is_refused() -> None:
    value = items(b"", [FRAME], has_end=False)
    assert refused_code(file_with(value)[:-30]) == "truncated"


def test_an_item_of_four_gigabytes_is_refused() -> None:
    value = items(b"", [])[:8] + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFF0) + FRAME
    assert refused_code(file_with(value)) == "truncated"


def test_something_else_than_items_is_refused() -> None:
    assert refused_code(file_with(items(b"", [FRAME])[:8] + b"\x10" * 64)) == "damaged"


@pytest.mark.parametrize(
    ("syntax", "family"), [(JPEG + "70", "JPEG"), (JPEG + "80", "JPEG-LS"), (JPEG_2000, "J2K")]
)
def test_a_codestream_of_another_size_is_refused(syntax: str, family: str) -> None:
    frame = compressed(ramp(40, 32), syntax, bits=12)
    with pytest.raises(ReadError, match="header says rows 32, its compressed image 40"):
        read(file_with(items(b"", [frame]), syntax))


def test_a_codestream_of_another_format_is_refused() -> None:
    frame = compressed(PIXELS, JPEG + "80", bits=12)
    with pytest.raises(ReadError, match="format JPEG, its compressed image JPEG-LS"):
        read(file_with(items(b"", [frame]), JPEG + "70"))


def test_a_codestream_of_three_channels_under_a_grey_header_is_refused() -> None:
    frame = bytes(imagecodecs.jpeg8_encode(np.zeros((32, 40, 3), dtype=np.uint8)))
    header = header_of(PIXELS.astype(np.uint8), bits_stored=8)
    assert refused_code(compressed_file(header, items(b"", [frame]), JPEG + "50")) == (
        "codestream_disagrees"
    )


def test_a_hole_in_a_jpeg_2000_codestream_is_seen_though_its_end_is_there() -> None:
    holed = FRAME[:-40] + b"\xff\xd9"
    assert refused_code(file_with(items(b"", [holed]))) == "truncated"


def test_compressed_pixels_under_an_uncompressed_header_are_refused() -> None:
    content = file_with(items(b"", [FRAME]), EXPLICIT)
    assert refused_code(content) == "encoding_disagrees"


def test_uncompressed_pixels_under_a_compressed_header_are_refused() -> None:
    header = header_of(PIXELS)
    header.PixelData = PIXELS.tobytes()
    content = file_of(header).replace(EXPLICIT.encode() + b"\0", RLE.encode() + b"\0")
    assert refused_code(content) == "encoding_disagrees"


def test_more_bytes_than_pixels_are_refused() -> None:
    header = header_of(PIXELS)
    header.PixelData = PIXELS.tobytes() + b"\1" * 10
    assert refused_code(file_of(header)) == "size_disagrees"


def test_an_odd_number_of_bytes_is_padded_by_one() -> None:
    pixels = np.arange(15, dtype=np.uint8).reshape(3, 5)
    header = header_of(pixels, bits_stored=8)
    header.PixelData = pixels.tobytes() + b"\0"
    wide = read(file_of(header)).wide
    assert wide is not None
    assert wide.tolist() == pixels.tolist()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: frame[:-40],
        lambda frame: struct.pack("<I", 3) + frame[4:],  # three segments
        lambda frame: frame[:8] + struct.pack("<I", 10) + frame[12:],  # segments in no order
        lambda frame: frame[:20],
    ],
)
def test_a_broken_run_length_image_is_refused(spoil: object) -> None:
    assert callable(spoil)
    frame = spoil(rle_frame(PIXELS))
    assert refused_code(file_with(items(b"", [frame]), RLE)) in ("damaged", "truncated")
