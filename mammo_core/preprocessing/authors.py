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
from mammo_core.preprocessing.breast import (
    Mask,
    box_of,
    find_breast,
    is_chest_wall_right,
    unpainted,
)
from mammo_core.preprocessing.intensity import LOOKUP_TABLE, Levels, apply_window, to_levels
from mammo_core.types import Box, Geometry, Mammogram, Pixels, Size, View

Grey = NDArray[Any]  # float32 from 0 to 1, or uint8

_HOW: Final = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}
_DARK: Final = 40  # of 255: what is not above it counts as background where rows are looked for
_MIDDLE: Final = 0.8  # of the rows, in which a column is looked at
_SIGMAS: Final = 4.0
_CORNER: Final = (0.12, 0.28)  # of rows and of columns, away from the chest wall: a label's place
_THIN: Final = 100  # pixels: what is thinner than twice as much is no part of the breast (NYU)
_ROOM: Final = 50  # pixels around the breast, but not at the chest wall (NYU)
_LEAST_BLACK: Final = 0.01  # of the frame: with less of it exactly 0 there is no black ground


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AsAuthors:
    levels: Levels
    geometries: tuple[Geometry, ...]  # of each frame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What is cut out of an image: a box that may reach beyond `inside`, where it is black."""

    box: Box
    inside: Box
    note: str = ""


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
    mammogram = unpainted(mammogram)
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
    if settings.fit == "window":
        crop = _window(grey, mask, mammogram, settings, is_flipped=is_flipped)
    else:
        box = _crop(grey, _found(mammogram, mask), settings)
        crop = _Cut(box=box, inside=box)
    part = _cut_out(grey, crop)
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
        levels=_levels(pixels, way),
        geometries=geometries,
        notes=(
            *_notes(crop, settings, way, is_windowed=is_windowed, is_flipped=is_flipped),
            *_note_on_paint(mammogram),
        ),
    )


def _values(mammogram: Mammogram, way: AuthorsWay) -> tuple[Pixels, bool]:
    """Grey from 0 to 1, and whether a window of the file was applied."""
    own = [window for window in mammogram.windows if window.name != MEASURED_WINDOW]
    given = mammogram.info.stored_window
    if way.values == "numbers" and mammogram.stored is not None and given is not None:
        return apply_window(given, mammogram.stored), True
    if way.values == "numbers":
        own = [window for window in own if window.name != LOOKUP_TABLE]
    if way.values == "shown" or (way.values != "stored" and own):
        return mammogram.pixels, True
    return _stored(mammogram), False


def _stored(mammogram: Mammogram) -> Pixels:
    """What the file stores, all that its bits can hold being 1."""
    top = np.float32(2 ** min(mammogram.info.bits, 16) - 1)
    black = np.float32(mammogram.info.black)
    levels: NDArray[Any]
    if mammogram.stored is not None:
        levels = mammogram.stored / top
    elif mammogram.wide is None:
        levels = mammogram.pixels - black / top
    else:
        levels = (mammogram.wide - black) / top
    return np.asarray(np.clip(levels, 0.0, 1.0), dtype=np.float32)


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


def _found(mammogram: Mammogram, mask: Mask) -> Box:
    """Around the breast as it was found before anything was painted over: without the noise around
    it, it is found a pixel or two elsewhere.
    """
    was = mammogram.info.painted
    return box_of(mask) if was is None else was.breast


def _crop(grey: Grey, box: Box, settings: PrepareSettings) -> Box:
    height, width = grey.shape
    whole = Box(x0=0, y0=0, x1=width, y1=height)
    if settings.crop == "lit":
        return _lit(grey)
    if settings.crop == "none":
        return whole
    room = int(np.ceil(settings.margin * max(box.y1 - box.y0, box.x1 - box.x0)))
    return Box(
        x0=max(0, box.x0 - room),
        y0=max(0, box.y0 - room),
        x1=min(width, box.x1 + room),
        y1=min(height, box.y1 + room),
    )


def _window_size(mammogram: Mammogram, settings: PrepareSettings) -> Size:
    way = settings.authors
    if way is None or not way.windows:
        return settings.size
    return way.windows[mammogram.ref.view == View.MLO]


def _window(
    grey: Grey, mask: Mask, mammogram: Mammogram, settings: PrepareSettings, *, is_flipped: bool
) -> _Cut:
    """So many pixels at the image's own resolution, as NYU lays them. Of what is above 0 the
    largest piece is the breast, with room around it but at the chest wall; all else is cut off.
    Where that is smaller than the window, black is added beyond the nipple, and below (MLO) or
    above and below alike. Where it is larger, the window ends at the nipple, and at the lowest
    pixel (MLO) or where it holds most.
    """
    seen = grey[:, ::-1] if is_flipped else grey
    (height, width), size, view = seen.shape, _window_size(mammogram, settings), mammogram.ref.view
    breast, note = _above_black(seen), ""
    if breast is None:
        note = " Its ground is not black, or it is small: our outline stands in for the authors'."
        breast = mask[:, ::-1] if is_flipped else mask
        around = _seen_in(_found(mammogram, mask), width, is_flipped)
    else:
        around = box_of(breast)
    is_mlo = view == View.MLO
    if view not in (View.CC, View.MLO):
        note += f" The view is {view or 'unknown'}: the window lies as that of a CC."
    left, right = int(around.x0), min(width, int(around.x1) + _ROOM)
    top, bottom = max(0, int(around.y0) - _ROOM), min(height, int(around.y1) + _ROOM)
    below = breast[top + (bottom - top) // 3 : bottom].any(axis=0)
    nipple = int(np.flatnonzero(below)[-1]) if below.any() else int(around.x1) - 1
    x0 = left
    if right - left > size[1]:
        x0 = min(max(left, nipple + 1 - size[1]), right - size[1])
    if bottom - top <= size[0]:
        y0 = top if is_mlo else top - (size[0] - (bottom - top)) // 2
    elif is_mlo:
        y0 = max(top, int(around.y1) - size[0])
    else:
        y0 = top + _fullest(seen[top:bottom, x0 : min(right, x0 + size[1])], size[0])
    return _Cut(
        box=_seen_in(Box(x0=x0, y0=y0, x1=x0 + size[1], y1=y0 + size[0]), width, is_flipped),
        inside=_seen_in(Box(x0=left, y0=top, x1=right, y1=bottom), width, is_flipped),
        note=note,
    )


def _above_black(grey: Grey) -> Mask | None:
    """The largest piece of what is above 0, worn down and grown again by steps to the four sides;
    what lies beyond the frame counts as 0. None where that is nothing, or there is no black.
    """
    lit = np.pad(grey > 0, 1).view(np.uint8)
    if np.count_nonzero(lit) <= (1 - _LEAST_BLACK) * grey.size:
        worn = np.asarray(cv2.distanceTransform(lit, cv2.DIST_L1, 3) > _THIN, dtype=np.uint8)
        count, pieces, sizes, _ = cv2.connectedComponentsWithStats(worn, connectivity=4)
        if count > 1:
            largest = 1 + int(sizes[1:, cv2.CC_STAT_AREA].argmax())
            apart = np.asarray(pieces != largest, dtype=np.uint8)
            grown = cv2.distanceTransform(apart, cv2.DIST_L1, 3) <= _THIN
            return np.ascontiguousarray(grown[1:-1, 1:-1], dtype=np.bool_)
    return None


def _fullest(part: Grey, rows: int) -> int:
    """The first of so many rows that hold most pixels above 0; of several, the one nearest to where
    they would lie in the middle.
    """
    summed = np.concatenate([[0], np.cumsum(np.count_nonzero(part, axis=1))])
    held = summed[rows:] - summed[:-rows]
    best = np.flatnonzero(held == held.max())
    return int(best[np.abs(best - (len(part) - rows) / 2).argmin()])


def _seen_in(box: Box, width: int, is_flipped: bool) -> Box:
    if not is_flipped:
        return box
    return Box(x0=width - box.x1, y0=box.y0, x1=width - box.x0, y1=box.y1)


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


def _cut_out(grey: Grey, cut: _Cut) -> Grey:
    """The box, black where it reaches beyond what it is cut out of."""
    x0, y0, x1, y1 = _edges(cut.box)
    left, top, right, bottom = _edges(_both(cut.box, cut.inside))
    if (x0, y0, x1, y1) == (left, top, right, bottom):
        return grey[y0:y1, x0:x1]
    return np.pad(grey[top:bottom, left:right], ((top - y0, y1 - bottom), (left - x0, x1 - right)))


def _edges(box: Box) -> tuple[int, int, int, int]:
    return round(box.x0), round(box.y0), round(box.x1), round(box.y1)


def _both(box: Box, other: Box) -> Box:
    return Box(
        x0=max(box.x0, other.x0),
        y0=max(box.y0, other.y0),
        x1=min(box.x1, other.x1),
        y1=min(box.y1, other.y1),
    )


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
        top = (height - rows) // 2
        framed = np.zeros(size, dtype=part.dtype)
        framed[top : top + rows, :columns] = part
        return _Laid(pixels=framed, scale=(1.0, 1.0), corner=(float(top), 0.0))
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
    laid: _Laid, left: int, *, crop: _Cut, mammogram: Mammogram, size: Size, flip: bool
) -> Geometry:
    """The way of the image into a frame, in pixels of the whole picture. The crop of a `Geometry`
    lies within the image.
    """
    height, width = mammogram.size
    box = crop.box
    x0 = width - box.x1 if flip else box.x0
    top, begin = laid.corner
    return Geometry(
        source_size=(height, width),
        prepared_size=size,
        crop=_both(box, crop.inside),
        is_flipped=flip,
        scale=laid.scale,
        offset=(top - box.y0 * laid.scale[0], left + begin - x0 * laid.scale[1]),
    )


def _levels(pixels: Grey, way: AuthorsWay) -> Levels:
    if way.last == "range":
        values = pixels.astype(np.float32)
        values -= values.min()
        return to_levels(values / max(float(values.max()), 1e-6), 16)
    if pixels.dtype == np.uint8:
        return pixels
    if way.eight_bit == "after":
        return np.asarray(np.clip(pixels, 0.0, 1.0) * np.float32(255), dtype=np.uint8)
    return to_levels(pixels, 16)


def _notes(
    cut: _Cut, settings: PrepareSettings, way: AuthorsWay, *, is_windowed: bool, is_flipped: bool
) -> tuple[str, ...]:
    crop = _both(cut.box, cut.inside)
    notes = [
        "Prepared as the authors of the model do.",
        "Grey values through the file's window." if is_windowed else "Grey values as stored.",
        f"Cut out: columns {crop.x0:.0f} to {crop.x1:.0f}, rows {crop.y0:.0f} to {crop.y1:.0f}."
        + cut.note,
    ]
    if is_flipped:
        notes.append("Mirrored, so that the chest wall is at the left.")
    sizes = [f"{h} x {w}" for h, w in (one.size for one in way.frames)] or [
        f"{settings.size[0]} x {settings.size[1]}"
    ]
    notes.append(f"Laid into {', '.join(sizes)} pixels.")
    return tuple(notes)


def _note_on_paint(mammogram: Mammogram) -> tuple[str, ...]:
    was = mammogram.info.painted
    if was is None:
        return ()
    return ("What was blotted out around the breast is given one grey, the middle one of there.",)


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
