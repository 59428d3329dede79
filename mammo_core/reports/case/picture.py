"""A view as a picture to take away: grey under a chosen window, heatmap, and burned-in words.

Drawn as the viewer draws it (pages/components/viewer): same window rule, same colours, same
transparency, but never mirrored: it lies as the image was stored.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mammo_core.errors import UnknownNameError
from mammo_core.reading import shown_in_words
from mammo_core.reports.case.record import (
    CaseFile,
    ReadCase,
    ReadImage,
    regions_in_words,
    view_name,
)
from mammo_core.types import Window

Grey = NDArray[np.uint8]  # (rows, columns)
Colours = NDArray[np.uint8]  # (rows, columns, 3)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

BURNED_IN: Final = "RESEARCH ONLY - NOT A MEDICAL DEVICE"
_WHOLE_NOTICE: Final = f"{BURNED_IN} - NOT FOR CLINICAL USE"  # where there is room for it

#: Perceptually even colour maps at every 15th of their 256 steps, those of the viewer.
COLOUR_MAPS: Final[Mapping[str, str]] = {
    "inferno": (
        "000004 0a0722 1e0c45 380962 510e6c 69166e 801f6c 982766 b0315b c63d4d d94d3d e9612b "
        "f47918 fa9407 fcb014 f8cd37 f2ea69 fcffa4"
    ),
    "viridis": (
        "440154 481769 472a7a 433d84 3d4e8a 355e8d 2e6d8e 297b8e 23898e 1f978b 21a585 2eb37c "
        "46c06f 65cb5e 89d548 b0dd2f d8e219 fde725"
    ),
}
_STEP: Final = 15
_LEAST_WIDTH: Final = 560  # the burned-in words need it
_LEAST_WIDTH_OF_NOTICE: Final = 160
_INK: Final = (235, 238, 242)
_QUIET: Final = (170, 178, 188)
_BAND: Final = (16, 18, 22)
_WARNING: Final = (255, 209, 102)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """How the pictures are drawn; the viewer's own defaults."""

    palette: str = "inferno"
    opacity: float = 0.45
    window: str | None = None  # by name; an image without it shows its first


def pictures(case: ReadCase, look: Appearance) -> list[CaseFile]:
    """Each view with its heatmap where it was read, and without."""
    files = []
    for image in case.images:
        name = f"pictures/{view_name(image)}"
        if image.reading is not None:
            content = to_png(overlay_picture(image, case, look))
            files.append(CaseFile(name=f"{name}_heatmap.png", content=content))
        content = to_png(plain_picture(image, look))
        files.append(CaseFile(name=f"{name}.png", content=content))
    return files


def overlay_picture(image: ReadImage, case: ReadCase, look: Appearance) -> Colours:
    """The view with its heatmap, and around it the words without which it must not travel."""
    legend = look if image.heat is not None else None
    words = _words(image, case)
    return _framed(heat_picture(image, look), words, legend, stamp=image.stamp)


def plain_picture(image: ReadImage, look: Appearance) -> Colours:
    """The view without a heatmap, with the notice."""
    shown = _in_colour(grey_picture(image, look))
    return _framed(shown, [f"{image.title}, without heatmap"], None, stamp=image.stamp)


def small_pictures(image: ReadImage, look: Appearance, *, longest: int) -> tuple[Colours, Colours]:
    """With and without heatmap, at most `longest` pixels a side, under the notice alone."""
    pair = (heat_picture(image, look), _in_colour(grey_picture(image, look)))
    with_heat, plain = (_reduced(one, longest) for one in pair)
    return _noticed(with_heat, image.stamp), _noticed(plain, image.stamp)


def heat_picture(image: ReadImage, look: Appearance) -> Colours:
    """The view under its heatmap, without words: for places that bring their own."""
    shown = _in_colour(grey_picture(image, look))
    if image.heat is None:
        return shown
    return _with_regions(_under_heat(shown, image.heat, look), image)


def grey_picture(image: ReadImage, look: Appearance) -> Grey:
    """The view alone, 8 bits deep, under the window of `look`."""
    return under_window(image.pixels, _window(image, look))


def under_window(pixels: NDArray[np.uint16], window: Window) -> Grey:
    """PS3.3 C.11.2.1.2: a ramp from `low` to `high`, or the sigmoid of C.11.2.1.3.1."""
    values = np.arange(int(pixels.max()) + 1, dtype=np.float64)
    width = window.high - window.low
    if window.is_sigmoid:
        centre = (window.low + window.high) / 2
        light = 1 / (1 + np.exp(-4 * (values - centre) / width))
    else:
        light = (values - window.low) / width
    table = np.rint(255 * np.clip(light, 0, 1)).astype(np.uint8)
    return table[pixels]


def colour_table(palette: str) -> NDArray[np.uint8]:
    """Red, green, blue for each of 256 values."""
    if palette not in COLOUR_MAPS:
        raise UnknownNameError("colour map", palette, COLOUR_MAPS)
    stops = np.array([list(bytes.fromhex(one)) for one in COLOUR_MAPS[palette].split()])
    values = np.arange(256) / _STEP
    channels = [np.interp(values, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def to_jpeg(picture: Colours) -> bytes:
    """For a report to look at; whoever measures takes the PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=90, optimize=True)
    return stream.getvalue()


def to_png(picture: Colours | Grey) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def _in_colour(grey: Grey) -> Colours:
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def _noticed(shown: Colours, stamp: str) -> Colours:
    width = max(shown.shape[1], _LEAST_WIDTH_OF_NOTICE)
    top = max(16, width // 16)
    return np.asarray(_with_notice(shown, width, top, stamp=stamp), dtype=np.uint8)


def _reduced(shown: Colours, longest: int) -> Colours:
    rows, columns = shown.shape[:2]
    factor = longest / max(rows, columns)
    if factor >= 1:
        return shown
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    return np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _window(image: ReadImage, look: Appearance) -> Window:
    named = [window for window in image.windows if window.name == look.window]
    return (named or list(image.windows))[0]


def _under_heat(shown: Colours, heat: Grey, look: Appearance) -> Colours:
    """Colour says how high; what is low is also thin, so that a faint map looks faint."""
    rows, columns = shown.shape[:2]
    fine = cv2.resize(heat, (columns, rows), interpolation=cv2.INTER_LINEAR)
    part = (np.arange(256) / 255 * look.opacity).astype(np.float32)
    alpha = part[fine][..., np.newaxis]
    blended = shown + alpha * (colour_table(look.palette)[fine].astype(np.float32) - shown)
    return np.asarray(np.rint(blended), dtype=np.uint8)


def _with_regions(shown: Colours, image: ReadImage) -> Colours:
    """Numbered boxes around the regions, as the words below list them."""
    picture = Image.fromarray(shown)
    draw = ImageDraw.Draw(picture)
    size = max(11, max(shown.shape) // 70)
    font = ImageFont.load_default(size)
    for number, region in enumerate(image.regions, start=1):
        box = (region.box.x0, region.box.y0, region.box.x1 - 1, region.box.y1 - 1)
        x0, y0, x1, y1 = (edge / image.reduction for edge in box)
        draw.rectangle(
            (x0, y0, max(x0, x1), max(y0, y1)), outline=_WARNING, width=max(1, size // 8)
        )
        above = y0 >= 1.5 * size
        place, anchor = ((x0, y0 - 2), "lb") if above else ((x0, y1 + 2), "lt")
        draw.text(place, str(number), font=font, fill=_WARNING, anchor=anchor)
    return np.asarray(picture, dtype=np.uint8)


def _words(image: ReadImage, case: ReadCase) -> list[str]:
    card = case.card
    if image.reading is None:
        return [f"{image.title}: no score. {image.unread}"]
    return [
        f"{image.title}: score {image.reading.score:.3f} for {case.positive}, from 0 to 1; "
        "not a probability of disease",
        *([f"{image.stamp}. {image.reading.outside}"] if image.stamp else []),
        f"Model {card.model_id}, weights {card.weights_sha256[:12]}, {image.reading.engine}",
        f"Heatmap: {image.method}. It shows {shown_in_words(image.reading.method)}, not the "
        f"borders of a tumour. {image.scale}",
        *([image.remark] if image.remark else []),
        *regions_in_words(image),
        f"Read {case.read_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    ]


def _framed(shown: Colours, words: list[str], legend: Appearance | None, *, stamp: str) -> Colours:
    """`shown` between a band with the notice and one with the words; both on the picture itself."""
    width = max(shown.shape[1], _LEAST_WIDTH)
    size = max(13, width // 60)
    font = ImageFont.load_default(size)
    lines = [line for text in words for line in _wrapped(text, font, width - 2 * size)]
    line = round(1.5 * size)
    bottom = line * (len(lines) + (1 if legend else 0)) + size
    noticed = _with_notice(shown, width, 2 * size, stamp=stamp, notice=_WHOLE_NOTICE)
    picture = Image.new("RGB", (width, noticed.height + bottom), _BAND)
    picture.paste(noticed)
    draw = ImageDraw.Draw(picture)
    place = noticed.height + size // 2
    for number, text in enumerate(lines):
        ink = _INK if number == 0 else _QUIET
        draw.text((size, place + number * line), text, font=font, fill=ink)
    if legend is not None:
        _draw_legend(picture, legend, place=place + len(lines) * line, size=size)
    return np.asarray(picture, dtype=np.uint8)


def _with_notice(
    shown: Colours, width: int, top: int, *, stamp: str, notice: str = BURNED_IN
) -> Image.Image:
    """`shown` in the middle of `width`, below a band of `top` pixels that holds the notice, and
    another that holds the stamp, where there is one.
    """
    bands = [notice, *([stamp.upper()] if stamp else [])]
    rows, columns = shown.shape[:2]
    above = top * len(bands)
    picture = Image.new("RGB", (width, above + rows), _BAND)
    picture.paste(Image.fromarray(shown), ((width - columns) // 2, above))
    for number, text in enumerate(bands):
        at_ten = ImageFont.load_default(10).getlength(text)
        font = ImageFont.load_default(min(top / 2, 10 * 0.95 * width / at_ten))
        place = (width / 2, top * (number + 0.5))
        ImageDraw.Draw(picture).text(place, text, font=font, fill=_WARNING, anchor="mm")
    return picture


def _draw_legend(picture: Image.Image, look: Appearance, *, place: int, size: int) -> None:
    """The colour bar with its two ends named."""
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(picture)
    bar = np.repeat(colour_table(look.palette)[np.newaxis], size, axis=0)
    length = picture.width // 3
    scaled = Image.fromarray(bar).resize((length, size))
    left = size + round(font.getlength("none  "))
    draw.text((size, place + size), "none", font=font, fill=_QUIET, anchor="lm")
    picture.paste(scaled, (left, place + size // 2))
    text = f"  full colour ({look.palette}, opacity {look.opacity:.0%})"
    draw.text((left + length, place + size), text, font=font, fill=_QUIET, anchor="lm")


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
