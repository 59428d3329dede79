"""Pictures: exact values, upright, tissue bright."""

import io
import zlib
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mammo_core.errors import ReadError
from mammo_core.preprocessing.intensity import Levels
from mammo_core.types import Mammogram
from tests.preprocessing.dicom_files import read

#: A right breast: a half disc at the right edge, 120 of 255, on black.
Y, X = np.mgrid[:128, :96]
BREAST = np.where((Y - 64) ** 2 + (X - 96) ** 2 < 60**2, 120 + X % 20, 0).astype(np.uint8)
DEEP = BREAST.astype(np.uint16) * 250
LOSSLESS = ("PNG", "TIFF", "BMP")


def saved(values: Levels, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def tiff(values: Levels, tags: dict[int, int]) -> bytes:
    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    return saved(values, "TIFF", tiffinfo=directory)


def levels_of(mammogram: Mammogram) -> list[list[int]]:
    rows: list[list[int]] = np.rint(mammogram.pixels * 255).astype(int).tolist()
    return rows


@pytest.mark.parametrize("kind", LOSSLESS)
def test_eight_bits_come_back_exactly(kind: str) -> None:
    mammogram = read(saved(BREAST, kind))
    assert levels_of(mammogram) == BREAST.tolist()
    assert (mammogram.info.kind, mammogram.info.bits, mammogram.wide) == (kind, 8, None)


def test_lossy_pictures_come_back_nearly() -> None:
    mammogram = read(saved(BREAST, "JPEG", quality=95))
    assert np.abs(mammogram.pixels * 255 - BREAST).max() < 30
    assert np.abs(mammogram.pixels * 255 - BREAST).mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_come_back_exactly_and_are_shown_over_the_range_of_the_breast(
    kind: str,
) -> None:
    mammogram = read(saved(DEEP, kind))
    assert mammogram.wide is not None
    assert mammogram.wide.tolist() == DEEP.tolist()
    assert mammogram.info.bits == 16
    assert mammogram.windows[0].high == pytest.approx(139 * 250, abs=250)
    assert mammogram.pixels.max() == 1.0
    assert any("Stored values run from 0 to 34,750" in note for note in mammogram.notes)


def test_twelve_bits_in_a_tiff_are_read() -> None:
    """Two pixels in three bytes: 0x123 and 0xABC."""
    row = bytes([0x12, 0x3A, 0xBC]) * 32
    entries = [
        (256, 64), (257, 64), (258, 12), (259, 1), (262, 1), (273, 134), (277, 1), (278, 64),
        (279, 96 * 64),
    ]  # fmt: skip
    directory = len(entries).to_bytes(2, "little") + b"".join(
        tag.to_bytes(2, "little") + b"\x04\0\1\0\0\0" + value.to_bytes(4, "little")
        for tag, value in entries
    )
    content = (b"II*\0\x08\0\0\0" + directory + b"\0" * 4).ljust(134, b"\0") + row * 64
    mammogram = read(content)
    assert mammogram.wide is not None
    assert mammogram.wide[5, :2].tolist() == [0x123, 0xABC]
    assert mammogram.info.bits == 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_three_equal_channels_are_grey(kind: str) -> None:
    colours = np.stack([BREAST] * 3, axis=-1)
    mammogram = read(saved(colours, kind))
    assert mammogram.pixels.shape == BREAST.shape
    if kind != "JPEG":
        assert levels_of(mammogram) == BREAST.tolist()
    assert any("channels" in note for note in mammogram.notes)


@pytest.mark.parametrize("encode", [imagecodecs.png_encode, imagecodecs.tiff_encode])
def test_three_equal_channels_of_sixteen_bits_keep_all_bits(
    encode: Callable[[Levels], bytes],
) -> None:
    values = DEEP + np.uint16(3)
    mammogram = read(encode(np.stack([values] * 3, axis=-1)))
    assert mammogram.wide is not None
    assert mammogram.wide.tolist() == values.tolist()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_coloured_picture_is_refused(kind: str) -> None:
    colours = np.stack([BREAST, BREAST // 2, BREAST // 3], axis=-1)
    with pytest.raises(ReadError, match="coloured"):
        read(saved(colours, kind))


def test_a_palette_is_looked_up() -> None:
    stream = io.BytesIO()
    Image.fromarray(BREAST).convert("P").save(stream, "PNG")
    assert levels_of(read(stream.getvalue())) == BREAST.tolist()


def test_what_is_transparent_becomes_black() -> None:
    picture = np.stack([BREAST, np.full_like(BREAST, 255)], axis=-1)
    picture[:, 90:, 1] = 0
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    mammogram = read(stream.getvalue())
    assert mammogram.pixels[64, 89] > 0.4
    assert mammogram.pixels[:, 90:].max() == 0.0
    assert any("transparency" in note for note in mammogram.notes)


def test_four_inks_are_read_as_grey() -> None:
    image = Image.fromarray(BREAST).convert("RGB").convert("CMYK")
    stream = io.BytesIO()
    image.save(stream, "TIFF")
    assert levels_of(read(stream.getvalue())) == BREAST.tolist()


def test_several_pages_are_refused() -> None:
    stream = io.BytesIO()
    page = Image.fromarray(BREAST)
    page.save(stream, "TIFF", save_all=True, append_images=[page, page])
    with pytest.raises(ReadError, match="holds 3 pictures"):
        read(stream.getvalue())


def test_floating_point_values_are_refused() -> None:
    with pytest.raises(ReadError, match="floating-point"):
        read(saved(BREAST.astype(np.float32), "TIFF"))


@pytest.mark.parametrize("values", [BREAST, DEEP], ids=["8 bits", "16 bits"])
def test_a_tiff_whose_zero_is_white_is_turned(values: Levels) -> None:
    stored = np.iinfo(values.dtype).max - values
    mammogram = read(tiff(stored, {262: 0}))
    assert mammogram.pixels[64, 0] == 0.0
    assert mammogram.pixels[64, 95] > 0.4


def corner(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


#: Where the upper left corner of the stored picture is to be seen: TIFF 6.0, page 36.
SEEN = {
    1: "upper left", 2: "upper right", 3: "lower right", 4: "lower left",
    5: "upper left", 6: "upper right", 7: "lower right", 8: "lower left",
}  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "TIFF 16", "PNG 48"])
def test_the_orientation_is_the_same_through_every_path(kind: str, orientation: int) -> None:
    """A bright square in the upper left corner of a stored picture of 48 x 64."""
    values = np.zeros((48, 64), dtype=np.uint8)
    values[:16, :16] = 200
    if kind == "TIFF":
        content = tiff(values, {274: orientation})
    elif kind == "TIFF 16":
        content = tiff(values.astype(np.uint16) * 256, {274: orientation})
    elif kind == "PNG 48":
        content = with_exif(
            imagecodecs.png_encode(np.stack([values.astype(np.uint16) * 256] * 3, axis=-1)),
            corner(orientation),
        )
    else:
        content = saved(values, kind, exif=corner(orientation))
    mammogram = read(content)
    assert mammogram.size == ((48, 64) if orientation < 5 else (64, 48))
    vertical, horizontal = SEEN[orientation].split()
    row = 4 if vertical == "upper" else -4
    column = 4 if horizontal == "left" else -4
    assert mammogram.pixels[row, column] > 0.7
    assert mammogram.pixels[-row, -column] < 0.1


def with_exif(png: bytes, exif: bytes) -> bytes:
    """The PNG with an eXIf chunk after its IHDR, which ends at byte 33."""
    body = b"eXIf" + exif.removeprefix(b"Exif\0\0")
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize("values", [BREAST, DEEP], ids=["8 bits", "16 bits"])
def test_a_film_shown_inside_out_is_turned_and_told(values: Levels) -> None:
    inside_out = (np.iinfo(values.dtype).max - values).astype(values.dtype)
    mammogram = read(saved(inside_out, "PNG"))
    assert mammogram.pixels[64, 0] == 0.0
    assert mammogram.pixels[64, 95] > 0.4
    assert any("turned inside out" in note for note in mammogram.notes)
    assert not any("inside out" in note for note in read(saved(values, "PNG")).notes)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [1, 10, 50, 90, 99])
def test_a_cut_picture_is_refused(kind: str, share: int) -> None:
    content = saved(BREAST, kind)
    with pytest.raises(ReadError) as refused:
        read(content[: len(content) * share // 100])
    assert refused.value.code in ("truncated", "damaged", "unknown")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + b"\0" * 40, "a ZIP archive"),
        (b"%PDF-1.7" + b"\0" * 40, "a PDF"),
        (b"GIF89a" + b"\0" * 40, "a GIF"),
        (b"RIFF\x40\0\0\0WEBPVP8 " + b"\0" * 40, "a WebP picture"),
        (b"hello, world, this is text", "no image of a kind"),
        (b"", "empty"),
    ],
)
def test_other_files_are_refused_by_name(content: bytes, words: str) -> None:
    with pytest.raises(ReadError, match=words):
        read(content)


def test_a_picture_too_large_is_refused_before_it_is_unpacked() -> None:
    """A PNG header that promises 20,000 x 20,000 pixels, and nothing behind it."""
    content = saved(BREAST, "PNG")
    large = content[:16] + (20_000).to_bytes(4, "big") * 2 + content[24:]
    large = large[:29] + zlib.crc32(large[12:29]).to_bytes(4, "big") + large[33:]
    with pytest.raises(ReadError) as refused:
        read(large)
    assert refused.value.code == "too_large"
