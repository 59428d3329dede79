"""Pictures that are not DICOM (PNG, JPEG, TIFF, BMP, PGM): one grey image each, upright, with its
stored values, tissue bright.
"""

import io
import re
import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mammo_core.errors import ReadError
from mammo_core.preprocessing.breast import breast_window
from mammo_core.preprocessing.intensity import Levels, grey_channel, levels
from mammo_core.preprocessing.judge import has_bright_background, judge
from mammo_core.preprocessing.phantoms.mark import is_marked_png
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.whole import (
    can_tell_of_bmp,
    can_tell_of_tiff,
    missing_in_bmp,
    missing_in_jpeg,
    missing_in_png,
    missing_in_tiff,
)
from mammo_core.types import ImageInfo, ImageRef, Mammogram, Pixels

FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP")

Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before anything is unpacked

_ORIENTATION: Final = 274  # EXIF and TIFF; what each number asks for is in TIFF 6.0, page 36
_TURNS: Final[Mapping[int, Callable[[Any], Any]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).T,
    8: np.rot90,
}
_BITS_PER_SAMPLE: Final = 258
_PHOTOMETRIC: Final = 262
_WHITE_IS_ZERO: Final = 0

#: What stands at the end of a whole file; a cut one may lack nothing else.
_ENDS: Final = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}

_WEBP: Final = re.compile(rb"RIFF.{4}WEBP", re.DOTALL)

#: What people drop here besides images, known by its first bytes.
_OTHER_KINDS: Final = (
    (b"PK\x03\x04", "a ZIP archive", "Unpack it and choose the images."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and choose the images."),
    (b"%PDF", "a PDF", "Export the image itself."),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture", "Export it as DICOM or 16-bit PNG."),
    (b"GIF8", "a GIF", "Export the image as PNG."),
    (b"\x89HDF", "an HDF5 file", "Export the images as DICOM or PNG."),
    (b"NRRD", "an NRRD volume", "Export the image as DICOM or PNG."),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    kind: str
    values: Levels
    highest: int  # the value that is white
    notes: tuple[str, ...] = ()


def read_picture(data: bytes) -> Picture:
    """The one picture in `data`; several, coloured, cut or broken ones are refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _read_opened(image, data)
    except UnidentifiedImageError:
        raise _unknown(data) from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, RuntimeError, Warning) as e:
        raise _broken(is_cut="truncated" in str(e).lower()) from e


def _read_opened(image: Image.Image, data: bytes) -> Picture:
    kind = str(image.format)
    limits.check_pixels(image.height, image.width)
    _check_single(image, kind)
    orientation = image.getexif().get(_ORIENTATION, 1)
    image.load()  # the whole of it: a cut picture fails here, or has no end
    if _ENDS.get(kind, b"") not in data:
        raise _broken(is_cut=True)
    if not _is_told(image, kind, data):
        raise ReadError(
            "unsupported_packing",
            f"This {kind} is packed in a way that lets nobody tell whether all of it is there.",
            "Save it as PNG.",
        )
    if missing := _missing_in(image, kind, data):
        raise ReadError(
            "incomplete",
            f"This {kind} is not whole: {missing}.",
            "A decoder would fill in what is missing. Copy it or export it again.",
        )
    if _has_deep_channels(image, data):
        picture = _deep(kind, data)
        is_upright = False
    else:
        picture = _plain(image, kind)
        is_upright = kind == "TIFF"  # Pillow turns these itself
    if orientation not in _TURNS:
        return picture
    values = picture.values if is_upright else _TURNS[orientation](picture.values)
    note = f"The picture was turned as its orientation tag ({orientation}) says."
    return Picture(
        kind=kind,
        values=np.ascontiguousarray(values),
        highest=picture.highest,
        notes=(*picture.notes, note),
    )


def _missing_in(image: Image.Image, kind: str, data: bytes) -> str:
    match kind:
        case "JPEG":
            return missing_in_jpeg(data)
        case "PNG":
            return missing_in_png(data)
        case "TIFF":
            return missing_in_tiff(data, getattr(image, "tag_v2", {}))
        case _:
            return missing_in_bmp(data, image.height, image.width)


def _is_told(image: Image.Image, kind: str, data: bytes) -> bool:
    """Whether its packing lets anybody tell that a piece of it is missing."""
    match kind:
        case "TIFF":
            return can_tell_of_tiff(getattr(image, "tag_v2", {}))
        case "BMP":
            return can_tell_of_bmp(data)
        case _:
            return True


def _check_single(image: Image.Image, kind: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ReadError(
            "multi_frame",
            f"This {kind} holds {frames} pictures; one is read per file.",
            "Save each as a file of its own.",
        )


def _plain(image: Image.Image, kind: str) -> Picture:
    """What Pillow reads without loss: one channel up to 16 bits, several of 8."""
    if image.mode == "L":
        return Picture(kind=kind, values=np.asarray(image), highest=255)
    if image.mode.startswith("I"):
        return _one_deep_channel(image, kind)
    if image.mode == "F":
        raise ReadError(
            "unsupported_bits",
            f"The values of this {kind} are floating-point numbers; whole ones are read.",
            "Save it with 16 bits per pixel.",
        )
    if image.mode == "1":
        return Picture(kind=kind, values=np.asarray(image.convert("L")), highest=255)
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        return _without_alpha(np.asarray(image.convert("RGBA")), kind)
    grey = grey_channel(np.asarray(image.convert("RGB")), highest=255)
    return Picture(kind=kind, values=grey, highest=255, notes=_channels_note(image.mode))


def _one_deep_channel(image: Image.Image, kind: str) -> Picture:
    values = np.asarray(image)
    if int(values.min()) < 0 or int(values.max()) >= 2**16:
        raise ReadError(
            "unsupported_bits",
            f"The values of this {kind} run from {values.min()} to {values.max()}; "
            "0 to 65,535 are read.",
            "Save it with 16 bits per pixel, unsigned.",
        )
    highest = 2 ** int(_tag(image, _BITS_PER_SAMPLE, 16)) - 1
    levels = values.astype(np.uint16)
    if _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO:  # Pillow turns only those of 8 bits
        note = "Zero is white in this TIFF: it was turned."
        turned = np.asarray(highest - levels, dtype=np.uint16)
        return Picture(kind=kind, values=turned, highest=highest, notes=(note,))
    return Picture(kind=kind, values=levels, highest=highest)


def _has_deep_channels(image: Image.Image, data: bytes) -> bool:
    """Several channels of 16 bits, which Pillow would cut down to 8."""
    if image.format == "PNG":  # the IHDR chunk comes first: depth at byte 24, colour type at 25
        return data[24] == 16 and data[25] != 0
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
    return len(bits) > 1 and max(bits) > 8


def _deep(kind: str, data: bytes) -> Picture:
    import imagecodecs

    decode = imagecodecs.png_decode if kind == "PNG" else imagecodecs.tiff_decode
    values = np.asarray(decode(data))
    if values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] not in (2, 3, 4):
        raise ReadError(
            "unsupported_bits",
            f"This {kind} has channels of an unusual kind ({values.dtype}).",
            "Save it as one grey channel of 16 bits.",
        )
    if values.shape[2] in (2, 4):
        return _without_alpha(values, kind)
    grey = grey_channel(values, highest=65535)
    return Picture(kind=kind, values=grey, highest=65535, notes=_channels_note("RGB"))


def _without_alpha(values: NDArray[Any], kind: str) -> Picture:
    """(..., 2 or 4) to grey; what is transparent is background."""
    highest = int(np.iinfo(values.dtype).max)
    colours = values[..., :-1]
    has_colours = colours.shape[-1] == 3
    grey = grey_channel(colours, highest=highest) if has_colours else colours[..., 0]
    return Picture(
        kind=kind,
        values=levels(np.where(values[..., -1] > 0, grey, 0), highest),
        highest=highest,
        notes=("The picture has a transparency channel: what is transparent was made black.",),
    )


def _channels_note(mode: str) -> tuple[str, ...]:
    return (f"Its channels ({mode}) are grey and were made one.",)


def _tag(image: Image.Image, tag: int, otherwise: int) -> int:
    """A tag of a TIFF; other pictures have none."""
    value = getattr(image, "tag_v2", {}).get(tag, otherwise)
    return int(value[0] if isinstance(value, tuple) else value)


def _broken(*, is_cut: bool) -> ReadError:
    return ReadError(
        "truncated" if is_cut else "damaged",
        "This picture ends early." if is_cut else "This picture is broken.",
        "Copy it or export it again.",
    )


def _unknown(data: bytes) -> ReadError:
    known = "Readable are DICOM, PNG, JPEG, TIFF, PGM, PPM and BMP."
    if _WEBP.match(data):
        return ReadError(
            "unknown",
            "This file is a WebP picture, which is not read here: nothing in it tells whether all "
            "of it is there.",
            "Save what it was made of as PNG.",
        )
    for start, name, hint in _OTHER_KINDS:
        if data.startswith(start):
            return ReadError("unknown", f"This file is {name}, not an image read here.", hint)
    return ReadError("unknown", "This file is no image of a kind this program knows.", known)


_CHANNELS: Final = {b"P2": 1, b"P5": 1, b"P3": 3, b"P6": 3}
_IN_WORDS: Final = (b"P2", b"P3")
_BLANK_OR_COMMENT: Final = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER: Final = re.compile(
    rb"(P[2356])" + _BLANK_OR_COMMENT + _BLANK_OR_COMMENT.join([rb"(\d{1,9})"] * 3) + rb"\s"
)
_COMMENT: Final = re.compile(rb"#[^\r\n]*")


def is_grey_map(data: bytes) -> bool:
    return data[:2] in _CHANNELS and data[2:3].isspace()


def read_grey_map(data: bytes) -> Picture:
    """The values of a P2, P3, P5 or P6 file; three channels must be grey."""
    header = _HEADER.match(data[:4096])
    if header is None:
        raise _damaged("its header is broken")
    magic = header.group(1)
    width, height, highest = (int(number) for number in header.groups()[1:])
    if not (1 <= width <= limits.SIDE and 1 <= height <= limits.SIDE and 1 <= highest <= 65535):
        raise _damaged(f"its header promises {height} x {width} pixels up to {highest}")
    limits.check_pixels(height, width)
    channels = _CHANNELS[magic]
    count = height * width * channels
    body = memoryview(data)[header.end() :]
    values = _written(body, count) if magic in _IN_WORDS else _binary(body, count, highest)
    if int(values.max()) > highest:
        raise _damaged(f"a value is {values.max()}, above its own maximum of {highest}")
    if channels == 3:
        grey = grey_channel(values.reshape(height, width, 3), highest=highest)
        return Picture(kind="PPM", values=grey, highest=highest)
    grey = levels(values.reshape(height, width), highest)
    return Picture(kind="PGM", values=grey, highest=highest)


def _binary(body: memoryview, count: int, highest: int) -> NDArray[np.integer]:
    size = count if highest < 256 else 2 * count
    if len(body) < size:
        raise _truncated(len(body), size)
    if bytes(body[size:]).strip():
        raise _damaged("more follows after its last pixel")
    return np.frombuffer(body[:size], dtype=np.uint8 if highest < 256 else ">u2")


def _written(body: memoryview, count: int) -> NDArray[np.integer]:
    words = _COMMENT.sub(b"", bytes(body)).split()
    if len(words) < count:
        raise _truncated(len(words), count)
    if len(words) > count or not all(word.isdigit() and len(word) < 6 for word in words):
        raise _damaged("its pixels are not as many whole numbers as it says")
    return np.array(words, dtype="S5").astype(np.int64)


def _damaged(what: str) -> ReadError:
    return ReadError("damaged", f"This PGM or PPM is broken: {what}.", "Export it again.")


def _truncated(found: int, expected: int) -> ReadError:
    return ReadError(
        "truncated",
        f"This PGM or PPM ends early: {found:,} of {expected:,} values are there.",
        "The copy was interrupted; copy it again.",
    )


def decode_raster(data: bytes, *, image_id: str) -> Mammogram:
    """The one grey picture in `data`, a PNG, JPEG, TIFF, BMP, PGM or PPM."""
    picture = read_grey_map(data) if is_grey_map(data) else read_picture(data)
    values, notes = _tissue_bright(picture)
    info = ImageInfo(
        ref=ImageRef(image_id=image_id),
        kind=picture.kind,
        bits=picture.highest.bit_length(),
        notes=notes,
        is_synthetic=is_marked_png(data),
    )
    if info.bits > 8:
        return _windowed(values.astype(np.uint16), info)
    pixels = _scaled(values, 0, picture.highest)
    unfit = judge(pixels, stored=values)
    return Mammogram(info=replace(info, unfit=unfit), pixels=pixels)


def _tissue_bright(picture: Picture) -> tuple[Levels, tuple[str, ...]]:
    if not has_bright_background(_scaled(picture.values, 0, picture.highest)):
        return picture.values, picture.notes
    note = "The background was bright: the picture was turned inside out."
    return levels(picture.highest - picture.values, picture.highest), (*picture.notes, note)


def _windowed(wide: NDArray[np.uint16], info: ImageInfo) -> Mammogram:
    window = breast_window(wide)
    note = (
        f"Stored values run from {wide.min():,} to {wide.max():,}; "
        f"{window.low:,.0f} to {window.high:,.0f}, the range inside the breast, is shown."
    )
    pixels = _scaled(wide, window.low, window.high)
    unfit = judge(pixels, stored=wide)
    return Mammogram(
        info=replace(info, windows=(window,), notes=(*info.notes, note), unfit=unfit),
        pixels=pixels,
        wide=wide,
    )


def _scaled(values: Levels, low: float, high: float) -> Pixels:
    pixels = values.astype(np.float32)
    pixels -= np.float32(low)
    pixels /= np.float32(high - low)
    return np.clip(pixels, 0.0, 1.0, out=pixels)
