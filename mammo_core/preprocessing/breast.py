"""Find the breast in a mammogram: where tissue is, on which side the chest wall lies, which grey
values it holds, and what lies outside it.
"""

from dataclasses import replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ReadError
from mammo_core.types import Box, Mammogram, Painted, Pixels, Size, Window

Mask = NDArray[np.bool_]

_WORKING_SIDE: Final = 384  # pixels; the longer side of the reduced copy
_LEVELS: Final = 16  # grey levels tried as the outline
_FINE: Final = 1.0  # smoothing (sigma, reduced pixels) before a level is applied
_COARSE: Final = 2.0  # ... and before slopes are measured
_BLACK: Final = 1 / 255  # above the darkest pixel
_STEP: Final = 0.1  # from a bright band along the frame down to what lies beyond it
_LEAST: Final = 0.01  # of the frame; anything smaller is no breast
_FULL: Final = 0.93  # of its bounding box: a film fills it, a breast hardly ever does
_CLEAR: Final = 3.0  # times the unrest of the darkest quarter: less is texture, no outline
_DOUBT: Final = 0.5  # of the largest piece: a second one above it might be the larger
_FLAT: Final = 1e-6  # between the brightest and the darkest pixel of an image that shows nothing
_MASK_SIDE: Final = 800  # pixels in which the breast is found for a heatmap
_ROOM: Final = 0.02  # of the frame's longer side, kept around the breast when the rest is masked


def find_breast(pixels: Pixels) -> Mask:
    """True where the breast is: the largest bright thing that is no letter, tape or film edge.

    All True where the image has no outline, as when the breast fills the frame. An image of one
    single value is refused.
    """
    small = _reduced(pixels)
    if np.ptp(small) < _FLAT and float(pixels.max()) - float(pixels.min()) < _FLAT:
        raise ReadError(
            "no_breast",
            "This image shows nothing: all its pixels have the same value.",
            "Was an empty or blank frame exported?",
        )
    return _enlarged(_outlined(small), pixels.shape)


def box_of(mask: Mask) -> Box:
    """The smallest box around all of `mask`."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return Box(x0=left, y0=top, x1=left + width, y1=top + height)


def breast_of(pixels: Pixels) -> Mask:
    """Which pixels are breast: `find_breast` on every few of them, as a cell of a heatmap is far
    larger than those between.
    """
    step = max(1, max(pixels.shape) // _MASK_SIDE)
    mask = find_breast(np.ascontiguousarray(pixels[::step, ::step]))
    whole: Mask = mask.repeat(step, axis=0).repeat(step, axis=1)
    return np.ascontiguousarray(whole[: pixels.shape[0], : pixels.shape[1]])


def is_chest_wall_right(mask: Mask) -> bool:
    """Whether the breast stands on the right edge: tissue is tallest where it meets the chest.

    The pixels decide, not the laterality: in many collections part of the files is mirrored.
    """
    columns = cv2.reduce(mask.view(np.uint8), 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    filled = np.flatnonzero(columns)
    if filled.size == 0:
        return False
    columns = columns[filled[0] : filled[-1] + 1]
    edge = max(1, columns.size // 8)
    return int(columns[-edge:].sum()) > int(columns[:edge].sum())


def add_room(mask: Mask, *, side: float | None = None) -> Mask:
    """`mask` widened by 2 % of the frame, whose longer side is `side` where `mask` is a part of it,
    so that what is masked outside it is never skin.
    """
    size = _reduced_size(mask.shape)
    small = cv2.resize(mask.view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
    scale = max(size) / max(mask.shape)
    width = 2 * max(1, round(_ROOM * (side or max(mask.shape)) * scale)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    grown = np.asarray(cv2.dilate(small, disc), dtype=np.uint8)
    return _enlarged(grown > 0, mask.shape)


def _reduced(pixels: Pixels) -> Pixels:
    height, width = pixels.shape
    size = _reduced_size(pixels.shape)
    if height >= 4 * size[0]:  # halved first, by OpenCV's fast path: a third of the time in all
        even = pixels[: height // 2 * 2, : width // 2 * 2]
        pixels = np.asarray(
            cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA),
            dtype=np.float32,
        )
    reduced = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, dtype=np.float32)


def _reduced_size(shape: tuple[int, ...]) -> Size:
    height, width = shape
    scale = min(1.0, _WORKING_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _enlarged(mask: Mask, size: tuple[int, ...]) -> Mask:
    levels = cv2.resize(mask.astype(np.uint8) * 255, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(levels > 127, dtype=np.bool_)


def _outlined(small: Pixels) -> Mask:
    """The breast in the reduced image; all True where there is no outline."""
    rows, columns = _film_area(small)
    result = np.zeros(small.shape, dtype=np.bool_)
    result[rows, columns] = _steep_piece(small[rows, columns])
    return result if result.any() else np.ones(small.shape, dtype=np.bool_)


def _film_area(small: Pixels) -> tuple[slice, slice]:
    """The frame without black padding and without bright bands (unexposed film, tape)."""
    rows, columns = _between_bands(small), _between_bands(small.T)
    highest = small[rows, columns] - float(small.min())
    return (
        _between_black(highest.max(axis=1) > _BLACK, rows),
        _between_black(highest.max(axis=0) > _BLACK, columns),
    )


def _between_bands(lines: Pixels) -> slice:
    return slice(_band_width(lines), len(lines) - _band_width(lines[::-1]))


def _band_width(lines: Pixels) -> int:
    """How many of the first lines form a band: it ends in a step down along most of its length."""
    reach = len(lines) // 10
    if reach < 2:
        return 0
    steps = np.percentile(lines[: reach - 1] - lines[3 : reach + 2], 25.0, axis=1)
    found = np.flatnonzero(steps > _STEP)
    return int(found[-1]) + 3 if found.size else 0


def _between_black(is_lit: NDArray[np.bool_], part: slice) -> slice:
    lit = np.flatnonzero(is_lit)
    return slice(part.start + int(lit[0]), part.start + int(lit[-1]) + 1) if lit.size else part


def _steep_piece(small: Pixels) -> Mask:
    """The piece above the lowest grey level whose outline is steep; empty where none is."""
    fine, coarse = _smoothed(small, _FINE), _smoothed(small, _COARSE)
    slope = np.hypot(cv2.Sobel(coarse, cv2.CV_32F, 1, 0), cv2.Sobel(coarse, cv2.CV_32F, 0, 1))
    dark, middle = float(np.percentile(coarse, 2.0)), _otsu(coarse)
    levels = dark + (middle - dark) * np.linspace(0.15, 1.0, _LEVELS) ** 2
    # What lies above any level lies above the lowest: the rest of the frame need not be looked at.
    part = _around(np.asarray(fine > levels[0], dtype=np.bool_))
    seen = np.ascontiguousarray(fine[part])
    above = (np.asarray(seen > level, dtype=np.bool_) for level in levels)
    pieces = [_largest_piece(tissue, _side(small)) for tissue in above]
    pieces = [piece for piece in pieces if np.count_nonzero(piece) >= _LEAST * small.size]
    pieces = [piece for piece in pieces if not _is_rectangle(piece)] or pieces
    steepness = [_steepness(piece, slope[part]) for piece in pieces]
    best = max(steepness, default=0.0)
    unrest = float(np.median(slope[coarse <= np.percentile(coarse, 25.0)]))
    if best <= _CLEAR * unrest:
        return np.zeros(small.shape, dtype=np.bool_)
    # Where the ground is quiet, a skin line that fades out slowly is taken at its foot.
    enough = min(0.5 * best, max(0.2 * best, 4.0 * unrest))
    result = np.zeros(small.shape, dtype=np.bool_)
    result[part] = next(
        piece for piece, steep in zip(pieces, steepness, strict=True) if steep >= enough
    )
    return result


def _side(small: NDArray[Any]) -> int:
    """Of the disc that cuts thin bridges, in reduced pixels."""
    return max(3, int(max(small.shape)) // 40)


def _around(tissue: Mask) -> tuple[slice, slice]:
    """The part of the frame that holds all of `tissue`, with room for the disc to see its ground;
    all of the frame where there is none.
    """
    room = _side(tissue)
    parts = []
    for axis in (1, 0):
        lines = np.flatnonzero(tissue.any(axis=axis))
        first, last = (int(lines[0]), int(lines[-1])) if lines.size else (0, tissue.size)
        parts.append(slice(max(0, first - room), last + room + 1))
    return parts[0], parts[1]


def _smoothed(small: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(small, (0, 0), sigma), dtype=np.float32)


def _otsu(smooth: Pixels) -> float:
    """The level that best parts dark from bright (Otsu 1979)."""
    top = max(float(smooth.max()), 1e-6)
    levels = np.rint(smooth * (255 / top)).astype(np.uint8)
    level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    return float(level) * top / 255


def _largest_piece(tissue: Mask, side: int) -> Mask:
    """The largest piece once thin bridges are cut, with its nipple and without holes."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    levels = tissue.view(np.uint8)
    count, labels = _pieces(cv2.morphologyEx(levels, cv2.MORPH_OPEN, disc))
    if count < 2:
        return np.zeros(tissue.shape, dtype=np.bool_)
    largest = _largest_number(labels, count)
    body = np.asarray(labels == largest, dtype=np.bool_)
    # The opening cut the nipple off too: grow back what hangs together with the body.
    near = np.asarray(cv2.dilate(body.view(np.uint8), disc), dtype=np.uint8)
    _, labels = _pieces(near & levels)
    return _filled(np.asarray(labels == labels.ravel()[body.argmax()], dtype=np.bool_))


def _pieces(levels: NDArray[Any]) -> tuple[int, NDArray[np.uint16]]:
    """How many, the ground included, and the number of each pixel's. Sixteen bits are enough: a
    copy so small has fewer pieces.
    """
    count, labels = cv2.connectedComponents(levels, ltype=cv2.CV_16U)
    return count, np.asarray(labels, dtype=np.uint16)


def _largest_number(labels: NDArray[np.uint16], count: int) -> int:
    """The number, the ground being 0, that most pixels have. Counted on every fourth pixel, and on
    all of them where that leaves a doubt.
    """
    if count == 2:
        return 1
    sizes = np.bincount(labels[::2, ::2].ravel(), minlength=count)[1:]
    second, first = np.partition(sizes, -2)[-2:]
    if second > _DOUBT * first:
        sizes = np.bincount(labels.ravel(), minlength=count)[1:]
    return 1 + int(sizes.argmax())


def _filled(mask: Mask) -> Mask:
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    canvas = np.zeros(mask.shape, dtype=np.uint8)
    cv2.drawContours(canvas, outlines, -1, 1, thickness=cv2.FILLED)
    return np.asarray(canvas > 0, dtype=np.bool_)


def _is_rectangle(piece: Mask) -> bool:
    rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return bool(piece.sum() > _FULL * box)


def _steepness(piece: Mask, slope: Pixels) -> float:
    """The slope that three quarters of the outline reach, the edge of the frame left out."""
    inner = cv2.erode(piece.view(np.uint8), np.ones((3, 3), dtype=np.uint8))
    outline = piece & (inner == 0)
    outline[[0, -1], :] = outline[:, [0, -1]] = False
    return float(np.percentile(slope[outline], 25.0)) if outline.any() else 0.0


PERCENTILES: Final = (0.5, 99.9)  # calcifications are few and bright: little is cut off above
NAME: Final = "Range inside the breast"

_SAMPLED_SIDE: Final = 1024


def breast_window(wide: NDArray[np.uint16], is_padding: NDArray[np.bool_] | None = None) -> Window:
    """The window from the 0.5th to the 99.9th percentile of the values inside the breast."""
    step = max(1, min(wide.shape) // _SAMPLED_SIDE)
    values = wide[::step, ::step]
    is_image = np.ones(values.shape, bool) if is_padding is None else ~is_padding[::step, ::step]
    if not is_image.any():
        return Window(name=NAME, low=0.0, high=1.0)
    lowest, highest = int(values[is_image].min()), int(values[is_image].max())
    if lowest == highest:
        return Window(name=NAME, low=lowest, high=lowest + 1.0)
    shown = (values.astype(np.float32) - lowest) / (highest - lowest)
    inside = find_breast(np.where(is_image, shown, np.float32(0.0))) & is_image
    low, high = np.percentile(values[inside] if inside.any() else values[is_image], PERCENTILES)
    return Window(name=NAME, low=float(low), high=float(max(high, low + 1.0)))


def mask_outside_breast(mammogram: Mammogram) -> Mammogram:
    """`mammogram` with everything well outside the breast set to black, and a note that says so.
    Of what was there the middle grey alone is kept, for `unpainted`.
    """
    pixels, wide, stored = mammogram.pixels, mammogram.wide, mammogram.stored
    mask, painted = find_breast(pixels), None
    if mask.all():
        note = "No outline of the breast was found, so no text around it could be blotted out."
    else:
        note = "Everything outside the breast was blotted out before keeping."
        inside = add_room(mask)
        painted = Painted(
            shown=_middle(pixels, inside),
            wide=0.0 if wide is None else _middle(wide, inside),
            breast=box_of(mask),
        )
        if stored is not None:
            stored = np.where(inside, stored, np.uint16(_middle(stored, inside)))
        pixels = np.where(inside, pixels, np.float32(0))
        wide = None if wide is None else np.where(inside, wide, wide[inside].min())
    info = replace(mammogram.info, notes=(*mammogram.notes, note), painted=painted)
    return Mammogram(info=info, pixels=pixels, wide=wide, stored=stored)


def _middle(values: NDArray[Any], inside: Mask) -> float:
    """The median grey outside, of every few pixels; 0 where nothing lies there."""
    outside = values[::4, ::4][~inside[::4, ::4]]
    return float(np.median(outside)) if outside.size else 0.0


def unpainted(mammogram: Mammogram) -> Mammogram:
    """What `mask_outside_breast` made black in the middle grey that was there: a film's ground is
    none that a network reads, but black in its place would be.
    """
    pixels, wide, was = mammogram.pixels, mammogram.wide, mammogram.info.painted
    if was is None or not (was.shown or was.wide):
        return mammogram
    black = pixels == 0
    if wide is not None:
        black &= wide == wide.min()
        wide = np.where(black, np.uint16(was.wide), wide)
    return replace(mammogram, pixels=np.where(black, np.float32(was.shown), pixels), wide=wide)


_BLUR: Final = 6.0  # pixels of a prepared image
_OF_BRIGHTEST: Final = 0.25


def find_tissue(prepared: NDArray[np.uint16]) -> Mask:
    """Where in a prepared image there is enough tissue to look at; everywhere if nowhere is."""
    blurred = cv2.GaussianBlur(prepared.astype(np.float32), (0, 0), _BLUR)
    inside: Mask = blurred > _OF_BRIGHTEST * np.percentile(blurred, 99)
    return inside if inside.any() else np.ones_like(inside)
