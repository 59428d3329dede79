"""An image as the authors of a published model prepare it: their order of steps, their frames.

What they have of their own and we cannot have (a trained breast finder) our breast box stands in
for; the model's card says so.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.prepare_settings import AuthorsWay, Fit, FrameBeside, PrepareSettings
from mammo_core.preprocessing.breast import NAME as MEASURED_WINDOW
from mammo_core.preprocessing.breast import Mask, find_breast, is_chest_wall_right
from mammo_core.preprocessing.intensity import Levels, to_levels
from mammo_core.types import Box, Geometry, Mammogram, Pixels, Size

Grey = NDArray[Any]  # float32 from 0 to 1, or uint8

_HOW: Final = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}
_DARK: Final = 40  # of 255: what is not above it counts as background where rows are looked for
_MIDDLE: Final = 0.8  # of the rows, in which a column is looked at
_SIGMAS: Final = 4.0
_CORNER: Final = (0.12, 0.28)  # of rows and of columns, away from the chest wall: a label's place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AsAuthors:
    levels: Levels
    geometries: tuple[Geometry, ...]  # of each frame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """A picture in a frame: where its upper left corner lies there, and how it was scaled."""

    pixels: Grey
    scale: tuple[float, float]
    corner: tuple[float, float]


def prepare_as_authors(mammogram: Mammogram, settings: PrepareSettings) -> AsAuthors:
    """`mammogram` by `settings.authors`, with the way back of every frame."""
    way = settings.authors
    assert way is not None
    mask = find_breast(mammogram.pixels)
    is_flipped = settings.is_turned and not mask.all() and is_chest_wall_right(mask)
    grey, is_windowed = _values(mammogram, way)
    grey = _without_edge(grey, way.edge)
    if way.ground == "otsu":
        grey = _on_ground(grey, is_right=bool(is_chest_wall_right(mask)))
    if way.spread == "image":
        grey = _spread(grey)
    if way.eight_bit == "before":
        grey = (grey * np.float32(255)).astype(np.uint8)
    crop = _crop(grey, mask, settings, is_flipped=is_flipped)
    part = _cut(grey, crop)
    if way.spread == "crop" and not is_windowed:
        part = _spread(part)
    if is_flipped:
        part = part[:, ::-1]
    pixels, laid = _side_by_side(part, settings, way)
    geometries = tuple(
        _geometry(one, left, crop=crop, mammogram=mammogram, size=settings.size, flip=is_flipped)
        for one, left in laid
    )
    return AsAuthors(
        levels=_levels(pixels, way, bits=mammogram.info.bits),
        geometries=geometries,
        notes=_notes(crop, settings, way, is_windowed=is_windowed, is_flipped=is_flipped),
    )


def _values(mammogram: Mammogram, way: AuthorsWay) -> tuple[Pixels, bool]:
    """Grey from 0 to 1, and whether a window of the file was applied."""
    windows = [window for window in mammogram.windows if window.name != MEASURED_WINDOW]
    is_windowed = way.values == "shown" or (way.values == "window" and bool(windows))
    if is_windowed or mammogram.wide is None:
        return mammogram.pixels, is_windowed
    top = np.float32(2 ** min(mammogram.info.bits, 16) - 1)
    stored = np.minimum(mammogram.wide.astype(np.float32) / top, np.float32(1))
    return stored, False


def _without_edge(grey: Pixels, edge: int) -> Pixels:
    """Black along the borders, so that places in the image stay what they are."""
    if not edge or min(grey.shape) <= 2 * edge:
        return grey
    inner = grey[edge:-edge, edge:-edge]
    framed = np.full_like(grey, inner.min())
    framed[edge:-edge, edge:-edge] = inner
    return framed


def _on_ground(grey: Pixels, *, is_right: bool) -> Pixels:
    """The label's corner darkened, all below Otsu's level raised to it, outliers cut at 4 sigma."""
    height, width = grey.shape
    rows, columns = round(_CORNER[0] * height), round(_CORNER[1] * width)
    cleared = grey.copy()
    corner = slice(0, columns) if is_right else slice(width - columns, width)
    cleared[:rows, corner] = grey.min()
    top = max(float(cleared.max()), 1e-6)
    bytes_ = np.rint(cleared * (255 / top)).astype(np.uint8)
    level, _ = cv2.threshold(bytes_, 0, 255, cv2.THRESH_OTSU)
    ground = np.float32(level * top / 255)
    raised = np.maximum(cleared, ground)
    above = raised[raised != ground]
    if not above.size:
        return raised
    mean, sigma = float(above.mean(dtype=np.float64)), float(above.std(dtype=np.float64))
    low, high = mean - _SIGMAS * sigma, mean + _SIGMAS * sigma
    return np.asarray(np.clip(raised, low, high), dtype=np.float32)


def _spread(grey: Pixels) -> Pixels:
    low, high = np.float32(grey.min()), np.float32(grey.max())
    return np.asarray((grey - low) / max(high - low, np.float32(1e-6)), dtype=np.float32)


def _crop(grey: Grey, mask: Mask, settings: PrepareSettings, *, is_flipped: bool) -> Box:
    height, width = grey.shape
    whole = Box(x0=0, y0=0, x1=width, y1=height)
    if settings.fit == "window":
        return _window(mask, settings.size, is_flipped=is_flipped)
    if settings.crop == "lit":
        return _lit(grey)
    if settings.crop == "none" or mask.all():
        return whole
    box = _around(mask)
    room = int(np.ceil(settings.margin * max(box.y1 - box.y0, box.x1 - box.x0)))
    return Box(
        x0=max(0, box.x0 - room),
        y0=max(0, box.y0 - room),
        x1=min(width, box.x1 + room),
        y1=min(height, box.y1 + room),
    )


def _around(mask: Mask) -> Box:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return Box(x0=left, y0=top, x1=left + width, y1=top + height)


def _window(mask: Mask, size: Size, *, is_flipped: bool) -> Box:
    """So many pixels from the chest wall on, the breast in the middle of the height. It may reach
    beyond the image.
    """
    box = _around(mask)
    top = round((box.y0 + box.y1 - size[0]) / 2)
    left = round(box.x1 - size[1]) if is_flipped else round(box.x0)
    return Box(x0=left, y0=top, x1=left + size[1], y1=top + size[0])


def _lit(grey: Grey) -> Box:
    """The longest run of columns that are not flat, and of rows within it."""
    top = 255 if grey.dtype == np.uint8 else 1.0
    lit = np.where(grey <= _DARK / 255 * top, 0, grey)
    margin = round(lit.shape[0] * (1 - _MIDDLE) / 2)
    x0, x1 = _longest_run(np.ptp(lit[margin : lit.shape[0] - margin], axis=0) > 0)
    part = lit[:, x0:x1]
    side = round(part.shape[1] * (1 - _MIDDLE) / 2)
    y0, y1 = _longest_run(np.ptp(part[:, side : part.shape[1] - side], axis=1) > 0)
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


def _longest_run(is_lit: NDArray[np.bool_]) -> tuple[int, int]:
    """From and to; everything where nothing is lit."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_lit.view(np.int8), [0]])))
    if not edges.size:
        return 0, len(is_lit)
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest])


def _cut(grey: Grey, box: Box) -> Grey:
    """`box` of the image, black where it reaches beyond."""
    x0, y0, x1, y1 = (round(edge) for edge in (box.x0, box.y0, box.x1, box.y1))
    height, width = grey.shape
    inside = grey[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)]
    beyond = ((max(0, -y0), max(0, y1 - height)), (max(0, -x0), max(0, x1 - width)))
    return np.pad(inside, beyond) if any(map(any, beyond)) else inside


def _side_by_side(
    part: Grey, settings: PrepareSettings, way: AuthorsWay
) -> tuple[Grey, list[tuple[_Laid, int]]]:
    """The frames in one picture, and each with the column that it begins at."""
    frames = way.frames or (FrameBeside(size=settings.size, fit=settings.fit),)
    pixels = np.zeros(settings.size, dtype=part.dtype)
    laid, left = [], 0
    for frame in frames:
        one = _fitted(part, frame.size, frame.fit, _HOW[way.resampling])
        height, width = frame.size
        pixels[:height, left : left + width] = one.pixels
        laid.append((one, left))
        left += width
    return pixels, laid


def _fitted(part: Grey, size: Size, fit: Fit, how: int) -> _Laid:
    (height, width), (rows, columns) = size, part.shape
    if fit == "window":
        return _Laid(pixels=part, scale=(1.0, 1.0), corner=(0.0, 0.0))
    if fit == "letterbox":
        factor = min(height / rows, width / columns)
        inner = max(1, int(rows * factor)), max(1, int(columns * factor))
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        framed = np.zeros(size, dtype=part.dtype)
        framed[top : top + inner[0], left : left + inner[1]] = _resized(part, inner, how)
        return _Laid(
            pixels=framed,
            scale=(inner[0] / rows, inner[1] / columns),
            corner=(float(top), float(left)),
        )
    left, wide = 0, columns
    if fit == "widen" and rows / columns > height / width:
        wide = round(rows / (height / width))
        left = (wide - columns) // 2
        part = np.pad(part, ((0, 0), (left, wide - columns - left)))
    scale = (height / rows, width / wide)
    return _Laid(pixels=_resized(part, size, how), scale=scale, corner=(0.0, left * scale[1]))


def _resized(part: Grey, size: Size, how: int) -> Grey:
    return np.asarray(cv2.resize(np.ascontiguousarray(part), size[::-1], interpolation=how))


def _geometry(
    laid: _Laid, left: int, *, crop: Box, mammogram: Mammogram, size: Size, flip: bool
) -> Geometry:
    """The way of the image into a frame, in pixels of the whole picture. The crop of a `Geometry`
    lies within the image.
    """
    height, width = mammogram.size
    x0 = width - crop.x1 if flip else crop.x0
    top, begin = laid.corner
    return Geometry(
        source_size=(height, width),
        prepared_size=size,
        crop=Box(
            x0=max(0, crop.x0), y0=max(0, crop.y0), x1=min(width, crop.x1), y1=min(height, crop.y1)
        ),
        is_flipped=flip,
        scale=laid.scale,
        offset=(top - crop.y0 * laid.scale[0], left + begin - x0 * laid.scale[1]),
    )


def _levels(pixels: Grey, way: AuthorsWay, *, bits: int) -> Levels:
    if way.last == "range":
        values = pixels.astype(np.float32)
        values -= values.min()
        return to_levels(values / max(float(values.max()), 1e-6), 16)
    if pixels.dtype == np.uint8:
        return pixels
    if way.eight_bit == "after":
        return np.asarray(np.clip(pixels, 0.0, 1.0) * np.float32(255), dtype=np.uint8)
    return to_levels(pixels, bits if way.last == "none" else 16)


def _notes(
    crop: Box, settings: PrepareSettings, way: AuthorsWay, *, is_windowed: bool, is_flipped: bool
) -> tuple[str, ...]:
    notes = [
        "Prepared as the authors of the model do.",
        "Grey values through the file's window." if is_windowed else "Grey values as stored.",
        f"Cut out: columns {crop.x0:.0f} to {crop.x1:.0f}, rows {crop.y0:.0f} to {crop.y1:.0f}.",
    ]
    if is_flipped:
        notes.append("Mirrored, so that the chest wall is at the left.")
    sizes = [f"{h} x {w}" for h, w in (one.size for one in way.frames)] or [
        f"{settings.size[0]} x {settings.size[1]}"
    ]
    notes.append(f"Laid into {', '.join(sizes)} pixels.")
    return tuple(notes)


def gathered(values: Pixels, settings: PrepareSettings, geometries: tuple[Geometry, ...]) -> Pixels:
    """A map over frames side by side: what lies in the further ones laid onto the first and added,
    so that it can be laid onto the image by the first one's way back.
    """
    frames = settings.authors.frames if settings.authors else ()
    zoom = (values.shape[0] / settings.size[0], values.shape[1] / settings.size[1])
    rows, columns = (
        -(-round(side * by * 1e6) // 10**6) for side, by in zip(frames[0].size, zoom, strict=True)
    )
    total = values[:rows, :columns].copy()
    left = frames[0].size[1]
    for frame, geometry in zip(frames[1:], geometries[1:], strict=True):
        begin, end = round(left * zoom[1]), round((left + frame.size[1]) * zoom[1])
        tile = values[: round(frame.size[0] * zoom[0]), begin:end]
        way = _between(geometries[0], geometry, zoom, left=left)
        total += cv2.warpAffine(
            np.ascontiguousarray(tile),
            way,
            (total.shape[1], total.shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        left += frame.size[1]
    result = np.zeros_like(values)
    result[:rows, :columns] = total
    return result


def _between(
    first: Geometry, other: Geometry, zoom: tuple[float, float], *, left: int
) -> NDArray[np.float64]:
    """From cells of the first frame to those of another that begins at column `left`."""
    lines = []
    for axis, begin in ((1, left), (0, 0)):
        by = other.scale[axis] / first.scale[axis]
        at = (0.5 / zoom[axis] - first.offset[axis]) * by + other.offset[axis] - begin
        lines.append((by, at * zoom[axis] - 0.5))
    (across, x), (down, y) = lines
    return np.array([[across, 0.0, x], [0.0, down, y]])
