"""Headers made to hurt: nested, huge, endless or mad. Each is read or refused, and quickly."""

import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from mammo_core.errors import ReadError
from mammo_core.preprocessing.reading import limits
from tests.preprocessing.dicom_files import (
    DEFLATED,
    UNDEFINED,
    element,
    encoded_file,
    mammogram_file,
    ramp,
    read,
    with_elements,
)

PLAIN = mammogram_file(ramp())
QUICK_SECONDS = 10.0


def is_read_right(content: bytes) -> bool:
    wide = read(content).wide
    return wide is not None and bool(np.array_equal(wide, ramp()))


def nested(depth: int, *, is_closed: bool = True) -> bytes:
    """Sequences of undefined length, one in another."""
    start = element(0x00081140, "SQ", b"", length=UNDEFINED) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, UNDEFINED
    )
    end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return start * depth + (end * depth if is_closed else b"")


def test_sequences_a_hundred_deep_are_read() -> None:
    assert is_read_right(with_elements(PLAIN, nested(100)))


@pytest.mark.parametrize("is_closed", [True, False])
def test_sequences_fifty_thousand_deep_are_refused_quickly(is_closed: bool) -> None:
    start = time.monotonic()
    with pytest.raises(ReadError):
        read(with_elements(PLAIN, nested(50_000, is_closed=is_closed)))
    assert time.monotonic() - start < QUICK_SECONDS


def test_a_hundred_thousand_empty_elements_are_passed_over_and_a_million_refused() -> None:
    start = time.monotonic()
    many = b"".join(
        struct.pack("<HH2sH", 0x0019, number, b"LO", 0) for number in range(0x1000, 0x1000 + 50_000)
    )
    assert is_read_right(with_elements(PLAIN, many * 2))
    with pytest.raises(ReadError, match="more than 200,000 elements"):
        read(with_elements(PLAIN, many * 20))
    assert time.monotonic() - start < QUICK_SECONDS


@pytest.mark.parametrize("tag", [0x00191001, 0x00280006, 0x00281050])
def test_an_element_of_four_gigabytes_hides_the_pixels_and_is_refused(tag: int) -> None:
    huge = element(tag, "UN", b"abcd", length=0xFFFFFFF0)
    with pytest.raises(ReadError) as refused:
        read(with_elements(PLAIN, huge))
    assert refused.value.code == "no_pixels"


def test_pixels_of_four_gigabytes_that_are_not_there_are_refused() -> None:
    place = PLAIN.index(b"\xe0\x7f\x10\x00OW\0\0") + 8
    content = PLAIN[:place] + struct.pack("<I", 0xFFFFFFF0) + PLAIN[place + 4 :]
    with pytest.raises(ReadError):
        read(content)


def test_an_unknown_value_representation_is_passed_over() -> None:
    assert is_read_right(with_elements(PLAIN, element(0x00191001, "XX", b"abcd")))


def test_of_duplicate_elements_the_last_counts() -> None:
    """As the parser everyone uses has it; the pixels still must fit."""
    twice = element(0x00280010, "US", struct.pack("<H", 4))
    content = with_elements(PLAIN, twice, before=0x00280010)
    assert is_read_right(content)


@pytest.mark.parametrize("charset", [b"ISO_IR 192", b"ISO 2022 IR 149", b"nonsense", b"\\\\\\"])
def test_no_character_set_is_in_the_way(charset: bytes) -> None:
    padded = charset + b" " * (len(charset) % 2)
    name = element(0x00080005, "CS", padded) + element(0x00100010, "PN", b"\xb1\xe8\xff\xfe")
    assert is_read_right(with_elements(PLAIN, name, before=0x00080016))


@pytest.mark.slow
def test_a_deflated_bomb_is_refused() -> None:
    """Half a megabyte that would become 600; it is counted before any of it is held."""
    content = encoded_file(ramp(), DEFLATED, bits_stored=12)
    place = content.index(DEFLATED.encode()) + len(DEFLATED)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    megabyte = packer.compress(b"\0" * limits.MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    tracemalloc.start()
    with pytest.raises(ReadError, match="inflate to more than 512 MB"):
        read(content[:place] + megabyte * 600)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * limits.MEGABYTE


@pytest.mark.parametrize("share", range(1, 100, 7))
def test_a_file_that_is_cut_anywhere_is_refused(share: int) -> None:
    with pytest.raises(ReadError):
        read(PLAIN[: len(PLAIN) * share // 100])


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 200, b"\0" * 128 + b"DICM", b"DICM", b"\x08\0\x08\0" * 50, b"\x02\0" * 99],
)
def test_what_is_hardly_a_file_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(ReadError) as refused:
        read(content)
    assert refused.value.sentence.startswith("This ")
