"""What decoders fill in without a word: each of these files was once read as a whole image."""

import io
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.reader import decode_dicom
from mammo_core.preprocessing.raster import decode_raster
from mammo_core.preprocessing.whole import missing_in_jpeg, missing_in_jpeg_2000
from tests.preprocessing.dicom_files import JPEG, KEY, compressed, compressed_file, header_of, items

END = b"\xff\xd9"
RATES = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99)


def picture(bits: int, *, height: int = 192, width: int = 160) -> np.ndarray:
    """Tissue at the left, and the empty background at the right and below that a breast has."""
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(0).integers(0, 2 ** (bits - 5), (height, width))
    tissue = (np.sin(y / 20) + np.cos(x / 30) + 2) * 2 ** (bits - 3) + grain
    tissue[:, 3 * width // 4 :] = tissue[3 * height // 4 :] = 0
    return tissue.clip(0, 2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)


def dicom(frame: bytes, syntax: str, bits: int) -> bytes:
    header = header_of(picture(bits), bits_stored=bits)
    return compressed_file(header, items(b"", [frame]), JPEG + syntax)


def code_of(content: bytes) -> str:
    """ "read", or the code of the refusal."""
    starts = (b"\x89PNG", b"II*\0", b"\xff\xd8\xff\xe0", b"RIFF", b"BM")
    is_picture = content.startswith(starts)
    try:
        if is_picture:
            decode_raster(content, image_id="made-up")
        else:
            decode_dicom(content, size=len(content), key=KEY)
    except ReadError as error:
        return error.code
    return "read"


def with_tile_length(frame: bytes) -> bytes:
    """The one tile-part of a JPEG 2000 says again how long it is."""
    start = frame.index(b"\xff\x90")
    length = struct.pack(">I", len(frame) - len(END) - start)
    return frame[: start + 6] + length + frame[start + 10 :]


SYNTAXES = [("50", 8), ("51", 12), ("57", 12), ("70", 12), ("90", 12), ("91", 12), ("201", 12)]


@pytest.mark.parametrize(("syntax", "bits"), SYNTAXES)
def test_a_whole_dicom_is_read(syntax: str, bits: int) -> None:
    assert (
        code_of(dicom(compressed(picture(bits), JPEG + syntax, bits=bits), syntax, bits)) == "read"
    )


@pytest.mark.parametrize(("syntax", "bits"), SYNTAXES)
@pytest.mark.parametrize("rate", RATES)
def test_a_cut_frame_with_an_end_marker_added_is_refused(
    syntax: str, bits: int, rate: float
) -> None:
    frame = compressed(picture(bits), JPEG + syntax, bits=bits)
    start = frame.index(b"\xff\x93" if "9" in syntax or "2" in syntax else b"\xff\xda") + 14
    cut = frame[: start + int(rate * (len(frame) - start))].rstrip(b"\xff") + END
    if b"\xff\x90" in cut:
        cut = with_tile_length(cut)
    assert code_of(dicom(cut, syntax, bits)) != "read"


def test_a_jpeg_2000_cut_between_two_packets_is_refused() -> None:
    """At every byte of a small picture: a decoder takes some of these cuts for the whole."""
    small = picture(12, height=40, width=36)
    frame = compressed(small, JPEG + "90", bits=12)
    start, header = frame.index(b"\xff\x93") + 2, header_of(small, bits_stored=12)
    taken = 0
    for place in range(start, len(frame) - 2):
        cut = with_tile_length(frame[:place] + END)
        try:
            imagecodecs.jpeg2k_decode(cut)
            taken += 1
        except RuntimeError:
            pass
        assert code_of(compressed_file(header, items(b"", [cut]), JPEG + "90")) != "read"
    assert taken > 0


@pytest.mark.parametrize("syntax", ["90", "91", "201"])
def test_a_jpeg_2000_without_a_piece_of_it_is_refused_whatever_length_it_says(syntax: str) -> None:
    """Behind the hole a decoder may take what it finds for empty packets, and read no further."""
    frame = compressed(picture(12), JPEG + syntax, bits=12)
    start = frame.index(b"\xff\x93") + 2
    for share in np.linspace(0.05, 0.9, 18):
        place = start + int(share * (len(frame) - start))
        holed = with_tile_length(frame[:place] + frame[place + len(frame) // 20 :])
        assert code_of(dicom(holed, syntax, 12)) != "read"


@pytest.mark.parametrize("level", [0, 60])
def test_a_jpeg_2000_of_nothing_but_background_is_whole(level: int) -> None:
    blank = np.zeros((64, 64), np.uint16)
    blank[:2, :2] = 7
    for values in (blank, np.zeros_like(blank)):
        frame = imagecodecs.jpeg2k_encode(values, codecformat="J2K", level=level)
        assert missing_in_jpeg_2000(bytes(frame)) == ""


@pytest.mark.parametrize(("syntax", "bits"), [("50", 8), ("51", 12), ("57", 12), ("70", 12)])
def test_a_frame_with_a_hole_or_without_one_of_four_fragments_is_refused(
    syntax: str, bits: int
) -> None:
    frame = compressed(picture(bits), JPEG + syntax, bits=bits)
    start = frame.index(b"\xff\xda") + 14
    for share in RATES[1:5]:
        place = start + int(share * (len(frame) - start))
        assert code_of(dicom(frame[:place] + frame[place + 200 :], syntax, bits)) != "read"
    quarter = len(frame) // 4 + 1
    parts = [frame[at : at + quarter] for at in range(0, len(frame), quarter)]
    for lost in (1, 2):
        assert code_of(dicom(b"".join(parts[:lost] + parts[lost + 1 :]), syntax, bits)) != "read"


def saved(values: np.ndarray, kind: str, options: dict[str, Any] | None = None) -> bytes:
    target = io.BytesIO()
    Image.fromarray(values).save(target, kind, **(options or {}))
    return target.getvalue()


@pytest.mark.parametrize("level", [75, 90, 100])
def test_a_whole_jpeg_of_twelve_bits_is_whole_however_its_background_ends(level: int) -> None:
    """Its last bytes may begin as what is put in their place."""
    for height in range(40, 200, 5):
        whole = picture(12, height=height, width=height // 2)
        frame = imagecodecs.jpeg8_encode(whole, level=level, bitspersample=12)
        assert missing_in_jpeg(bytes(frame)) == ""


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 5}])
@pytest.mark.parametrize("rate", RATES)
def test_a_cut_jpeg_with_an_end_marker_added_is_refused(
    options: dict[str, Any], rate: float
) -> None:
    whole = saved(picture(8), "JPEG", options)
    assert code_of(whole) == "read"
    start = whole.index(b"\xff\xda") + 14
    assert code_of(whole[: start + int(rate * (len(whole) - start))] + END) != "read"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_progressive_jpeg_cut_between_two_scans_is_refused(channels: int) -> None:
    """What is there is a whole picture, only a coarser one."""
    values = picture(8) if channels == 1 else np.stack([picture(8)] * 3, axis=-1)
    whole = saved(values, "JPEG", {"progressive": True})
    assert code_of(whole) == "read"
    scans = [place for place in range(len(whole)) if whole[place : place + 2] == b"\xff\xda"]
    assert len(scans) >= 6
    for scan in scans[1:]:
        tables = whole.rfind(b"\xff\xc4", 0, scan)  # belong to the scan that follows them
        for place in (scan, tables):
            assert code_of(whole[:place] + END) == "incomplete"


def test_a_lost_restart_marker_and_one_out_of_order_are_named() -> None:
    whole = saved(picture(8), "JPEG", {"restart_marker_blocks": 5})
    second, third = whole.index(b"\xff\xd1"), whole.index(b"\xff\xd2")
    lost = missing_in_jpeg(whole[:second] + whole[third:])
    assert lost == "94 of its 95 restart markers are there"
    turned = whole[: second + 1] + b"\xd5" + whole[second + 2 :]
    assert missing_in_jpeg(turned) == "its restart markers are out of order"


def with_header(png: bytes, change: Callable[[bytearray], None]) -> bytes:
    """A PNG whose header was rewritten, and its checksum with it."""
    header = bytearray(png[16:29])
    change(header)
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return png[:16] + bytes(header) + checksum + png[33:]


def lower(header: bytearray) -> None:
    header[4:8] = struct.pack(">I", 100)


def narrower(header: bytearray) -> None:
    header[0:4] = struct.pack(">I", 159)


@pytest.mark.parametrize("change", [lower, narrower])
@pytest.mark.parametrize("bits", [8, 12])
def test_a_png_whose_header_promises_other_pixels_is_refused(
    change: Callable[[bytearray], None], bits: int
) -> None:
    png = saved(picture(bits), "PNG")
    assert code_of(png) == "read"
    assert code_of(with_header(png, change)) != "read"


@pytest.mark.parametrize("packing", ["raw", "tiff_adobe_deflate", "tiff_lzw", "packbits", "jpeg"])
def test_a_tiff_whose_header_promises_other_pixels_is_refused(packing: str) -> None:
    tiff = saved(picture(8), "TIFF", {"compression": packing})
    assert code_of(tiff) == "read"
    length = next(
        place
        for place in range(8, len(tiff))
        if tiff[place : place + 8] in (b"\1\1\3\0\1\0\0\0", b"\1\1\4\0\1\0\0\0")
    )  # the tag ImageLength, one number of 16 or 32 bits
    for rows in (96, 191):
        rewritten = tiff[: length + 8] + struct.pack("<I", rows) + tiff[length + 12 :]
        assert code_of(rewritten) != "read"


def test_a_picture_of_which_nobody_could_tell_that_a_piece_is_missing_is_refused() -> None:
    """Of lossless WebP of 700 x 500, too, a third of the holes of 400 bytes went unnoticed."""
    for compression in ("group3", "group4"):
        fax = io.BytesIO()
        Image.fromarray(picture(8) > 40).save(fax, "TIFF", compression=compression)
        assert code_of(fax.getvalue()) == "unsupported_packing"
    for lossless in (False, True):
        with pytest.raises(ReadError, match="is a WebP picture"):
            decode_raster(saved(picture(8), "WEBP", {"lossless": lossless}), image_id="made-up")


def bmp(*, rows: int, packing: int = 0, behind: int = 0) -> bytes:
    """48 columns and `rows` rows of pixels, the last of them the grey 200."""
    start, pixels = 14 + 40 + 1024, bytes(48 * (rows - 1)) + b"\xc8" * 48
    grey = b"".join(bytes([value, value, value, 0]) for value in range(256))
    head = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    size = struct.pack("<IiiHHIIiiII", 40, 48, rows, 1, 8, packing, len(pixels), 0, 0, 256, 256)
    return head + size + grey + pixels + bytes(behind)


@pytest.mark.parametrize("behind", [0, 2])
def test_a_whole_bmp_is_read_with_the_bytes_some_programs_put_behind_it(behind: int) -> None:
    found = decode_raster(bmp(rows=64, behind=behind), image_id="made-up").pixels
    assert found[0].tolist() == pytest.approx([200 / 255] * 48)


@pytest.mark.parametrize("rows", [32, 63, 65])
def test_a_bmp_whose_header_promises_other_pixels_is_refused(rows: int) -> None:
    whole = bmp(rows=64)
    assert code_of(whole[:22] + struct.pack("<i", rows) + whole[26:]) != "read"


def test_a_packed_bmp_is_refused() -> None:
    assert code_of(bmp(rows=64, packing=1)) != "read"


def test_a_run_of_fill_bytes_in_a_jpeg_is_looked_at_once() -> None:
    """From each of them in turn 40,000 took ten seconds."""
    whole = saved(picture(8), "JPEG")
    scan = whole.index(b"\xff\xda") + 14
    before = time.process_time()
    assert missing_in_jpeg(whole[:scan] + b"\xff" * 40_000 + b"\0" + whole[scan:]) != ""
    assert time.process_time() - before < 1.0


def test_a_table_of_a_jpeg_may_end_in_the_byte_that_begins_a_marker() -> None:
    """Coarse tables do: its quantisation goes up to 255."""
    whole = saved(picture(8), "JPEG", {"quality": 1})
    assert b"\xff\xff\xc0" in whole
    assert missing_in_jpeg(whole) == ""
