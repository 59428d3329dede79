"""From a mammogram to what a model sees, and back: filtered, cropped, mirrored, scaled, padded; and
to what a screen shows.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.authors import prepare_as_authors
from mammo_core.preprocessing.breast import Mask, add_room, box_of, find_breast, is_chest_wall_right
from mammo_core.preprocessing.intensity import Levels, as_seen, equalise, stretch, to_levels
from mammo_core.preprocessing.judge import refuse_no_mammogram
from mammo_core.types import Box, Geometry, Mammogram, Pixels, Prepared, Size, Window


def lay_out(mask: Mask, settings: PrepareSettings) -> Geometry:
    """The way of an image whose breast is `mask` into a frame of `settings.size`.

    Padding goes above and below in equal parts, and beyond the nipple: the chest wall keeps its
    edge. A frame stretched to a square first is the same step with two scales.
    """
    height, width = mask.shape
    has_outline = not mask.all()
    crop = Box(x0=0, y0=0, x1=width, y1=height)
    if settings.crop == "breast" and has_outline:
        crop = _box_around(mask, settings.margin)
    is_right = has_outline and is_chest_wall_right(mask)
    is_flipped = settings.is_turned and is_right
    crop_height, crop_width = crop.y1 - crop.y0, crop.x1 - crop.x0
    extent = (crop_height, crop_width)
    if settings.is_square_first:
        extent = (crop_height / height, crop_width / width)
    placed = settings.size if settings.fit == "stretch" else _fitted(extent, settings.size)
    scale = (placed[0] / crop_height, placed[1] / crop_width)
    top = (settings.size[0] - placed[0]) // 2
    left = settings.size[1] - placed[1] if is_right and not is_flipped else 0
    x0 = width - crop.x1 if is_flipped else crop.x0
    return Geometry(
        source_size=(height, width),
        prepared_size=settings.size,
        crop=crop,
        is_flipped=is_flipped,
        scale=scale,
        offset=(top - crop.y0 * scale[0], left - x0 * scale[1]),
    )


def resample(pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    """`pixels` of the source as `geometry` lays them, in one resampling; the padding is 0."""
    rows, columns = slices_of(geometry.crop)
    top, left, height, width = _placed(geometry)
    if pixels.dtype == np.bool_:  # its edge is smooth: what lies in a pixel's middle will do
        scaled = np.asarray(
            cv2.resize(pixels[rows, columns].view(np.uint8), (width, height)), dtype=np.bool_
        )
    else:
        scaled = _scaled(pixels[rows, columns], (height, width))
    if geometry.is_flipped:
        scaled = scaled[:, ::-1]
    frame = np.zeros(geometry.prepared_size, dtype=pixels.dtype)
    frame[top : top + height, left : left + width] = scaled
    return frame


def slices_of(crop: Box) -> tuple[slice, slice]:
    """A box as slices of the rows and columns nearest to it."""
    return slice(round(crop.y0), round(crop.y1)), slice(round(crop.x0), round(crop.x1))


def _placed(geometry: Geometry) -> tuple[int, int, int, int]:
    """Top, left, height and width, in prepared pixels, of what the crop became."""
    crop = geometry.crop
    x0 = geometry.source_size[1] - crop.x1 if geometry.is_flipped else crop.x0
    return (
        round(crop.y0 * geometry.scale[0] + geometry.offset[0]),
        round(x0 * geometry.scale[1] + geometry.offset[1]),
        round((crop.y1 - crop.y0) * geometry.scale[0]),
        round((crop.x1 - crop.x0) * geometry.scale[1]),
    )


def _fitted(extent: tuple[float, float], size: Size) -> Size:
    """The whole number of pixels `extent` takes up in a frame of `size`, aspect ratio kept."""
    scale = min(size[0] / extent[0], size[1] / extent[1])
    return (
        min(size[0], max(1, round(extent[0] * scale))),
        min(size[1], max(1, round(extent[1] * scale))),
    )


def _box_around(mask: Mask, margin: float) -> Box:
    box = box_of(mask)
    room = math.ceil(margin * max(box.y1 - box.y0, box.x1 - box.x0))
    height, width = mask.shape
    return Box(
        x0=max(0, box.x0 - room),
        y0=max(0, box.y0 - room),
        x1=min(width, box.x1 + room),
        y1=min(height, box.y1 + room),
    )


def _scaled(pixels: NDArray[Any], size: Size) -> NDArray[Any]:
    """Shrunk by averaging areas, enlarged linearly, each axis by its own rule.

    OpenCV averages areas only where both axes shrink, so a mixed case takes one axis at a time.
    """
    height, width = size
    is_lower, is_narrower = height <= pixels.shape[0], width <= pixels.shape[1]
    if is_lower != is_narrower:
        first = (pixels.shape[1], height) if is_lower else (width, pixels.shape[0])
        pixels = np.asarray(cv2.resize(pixels, first, interpolation=cv2.INTER_AREA))
    how = cv2.INTER_AREA if is_lower and is_narrower else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how))


FilterName = Literal["none", "gaussian", "mean", "laplacian"]

GAUSSIAN: Final = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=np.float32) / np.float32(16)
MEAN: Final = np.ones((3, 3), dtype=np.float32) / np.float32(9)
LAPLACIAN: Final = np.array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]], dtype=np.float32)

_KERNELS: Final[dict[str, Pixels]] = {"gaussian": GAUSSIAN, "mean": MEAN, "laplacian": LAPLACIAN}
_PANELS: Final[tuple[tuple[FilterName, str], ...]] = (
    ("none", "Original"),
    ("gaussian", "Gaussian"),
    ("mean", "Mean"),
    ("laplacian", "Laplacian"),
)
_TITLE_ROWS: Final = 24


def apply_filter(pixels: Pixels, name: FilterName) -> Pixels:
    """`pixels` under one filter, cut off at 0 and 1. The image goes on mirrored past its edge."""
    if name == "none":
        return pixels
    filtered = cv2.filter2D(pixels, cv2.CV_32F, _KERNELS[name], borderType=cv2.BORDER_REFLECT_101)
    return np.clip(filtered, 0.0, 1.0).astype(np.float32)


def three_filters_picture(pixels: Pixels, *, height: int = 512) -> NDArray[np.uint8]:
    """The original and the three filters side by side, titles above, for the eye.

    An image higher than `height` is reduced first, as a model's input would be: on all its pixels
    a 3 x 3 kernel would do nothing that can be seen.
    """
    reduction = max(1.0, pixels.shape[0] / height)
    size = (max(1, round(pixels.shape[1] / reduction)), max(1, round(pixels.shape[0] / reduction)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    return np.hstack([_panel(apply_filter(small, name), title) for name, title in _PANELS])


def filters_png(pixels: Pixels) -> bytes:
    """`three_filters_picture` as a PNG file."""
    _, encoded = cv2.imencode(".png", three_filters_picture(pixels))
    return encoded.tobytes()


def _panel(pixels: Pixels, title: str) -> NDArray[np.uint8]:
    image = np.rint(np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8)
    strip = np.zeros((_TITLE_ROWS, image.shape[1]), dtype=np.uint8)
    cv2.putText(strip, title, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    return np.vstack([strip, image])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedGrey:
    """A prepared image before mean and std: whole grey levels, (height, width). Caches keep it."""

    levels: Levels
    geometry: Geometry
    notes: tuple[str, ...] = ()
    beside: tuple[Geometry, ...] = ()


def prepare(mammogram: Mammogram, settings: PrepareSettings) -> Prepared:
    """`mammogram` as a model with `settings` sees it; `notes` says what was done."""
    grey = prepare_grey(mammogram, settings)
    return Prepared(
        pixels=as_seen(grey.levels, settings),
        geometry=grey.geometry,
        notes=grey.notes,
        beside=grey.beside,
    )


def prepare_grey(mammogram: Mammogram, settings: PrepareSettings) -> PreparedGrey:
    """Everything `prepare` does but mean and std, which cost nothing and differ per backbone.

    What is no mammogram is refused here, on the one way that every score and training takes.
    """
    refuse_no_mammogram(mammogram)
    if settings.authors is not None:
        seen = prepare_as_authors(mammogram, settings)
        first, *beside = seen.geometries
        return PreparedGrey(
            levels=seen.levels, geometry=first, notes=seen.notes, beside=tuple(beside)
        )
    frame = _as_exported(mammogram.pixels, settings)
    mask = find_breast(frame)
    geometry = lay_out(mask, settings)
    placed = _seen_from(mammogram.size, geometry)
    notes = _notes_on_layout(mask, placed, settings)
    pixels = resample(frame, geometry)
    inside = _lies_in(mask, geometry)
    if settings.is_masked and not mask.all():
        ground = _ground(frame, mask)
        room = add_room(inside, side=max(mask.shape) * max(geometry.scale))
        near = np.where(room, pixels - ground, np.float32(0.0))
        pixels = np.where(inside, pixels, np.maximum(near, 0.0)).astype(np.float32)
        notes.append(
            f"Letters and all else outside the breast made background (grey: {ground:.3f})."
        )
    pixels, tone_notes = _toned(pixels, inside, settings)
    return PreparedGrey(
        levels=to_levels(pixels, mammogram.info.bits),
        geometry=placed,
        notes=(*notes, *tone_notes),
    )


def _as_exported(pixels: Pixels, settings: PrepareSettings) -> Pixels:
    """The frame as a data set of small squares holds it: what is lost there must be lost here too,
    or a full image looks sharper to a model than all that it learnt from.
    """
    side = settings.square_side
    if not side or pixels.shape == (side, side) or min(pixels.shape) < side:
        return pixels
    return np.asarray(_scaled(pixels, (side, side)), dtype=np.float32)


def _seen_from(source_size: Size, geometry: Geometry) -> Geometry:
    """`geometry`, made for a frame that was scaled before, as one of the image it was made of."""
    if geometry.source_size == source_size:
        return geometry
    down = source_size[0] / geometry.source_size[0]
    across = source_size[1] / geometry.source_size[1]
    crop = geometry.crop
    return replace(
        geometry,
        source_size=source_size,
        crop=Box(x0=crop.x0 * across, y0=crop.y0 * down, x1=crop.x1 * across, y1=crop.y1 * down),
        scale=(geometry.scale[0] / down, geometry.scale[1] / across),
    )


def place_box(box: Box, geometry: Geometry) -> Box:
    """A box of the source image in prepared pixels; it may reach beyond the prepared frame."""
    width = geometry.source_size[1]
    x0, x1 = (width - box.x1, width - box.x0) if geometry.is_flipped else (box.x0, box.x1)
    (row_scale, column_scale), (row_offset, column_offset) = geometry.scale, geometry.offset
    return Box(
        x0=x0 * column_scale + column_offset,
        y0=box.y0 * row_scale + row_offset,
        x1=x1 * column_scale + column_offset,
        y1=box.y1 * row_scale + row_offset,
    )


def restore_box(box: Box, geometry: Geometry) -> Box:
    """A box of the prepared image in source pixels: the way back of `place_box`."""
    width = geometry.source_size[1]
    (row_scale, column_scale), (row_offset, column_offset) = geometry.scale, geometry.offset
    x0, x1 = (box.x0 - column_offset) / column_scale, (box.x1 - column_offset) / column_scale
    if geometry.is_flipped:
        x0, x1 = width - x1, width - x0
    return Box(
        x0=x0,
        y0=(box.y0 - row_offset) / row_scale,
        x1=x1,
        y1=(box.y1 - row_offset) / row_scale,
    )


def restore_map(values: NDArray[np.floating], geometry: Geometry) -> Pixels:
    """A map of any resolution that covers the prepared frame, laid onto the source image.

    Between the cells it is interpolated; outside the crop it is 0, for the model saw nothing there.
    """
    crop = slices_of(geometry.crop)
    top, left = crop[0].start, crop[1].start
    size = (crop[1].stop - left, crop[0].stop - top)
    zoom_y = values.shape[0] / geometry.prepared_size[0]
    zoom_x = values.shape[1] / geometry.prepared_size[1]
    row_scale, row_offset = geometry.scale[0] * zoom_y, geometry.offset[0] * zoom_y
    column_scale, column_offset = geometry.scale[1] * zoom_x, geometry.offset[1] * zoom_x
    if geometry.is_flipped:
        column_offset += geometry.source_size[1] * column_scale
        column_scale = -column_scale
    # OpenCV places whole numbers on pixel centres, we on pixel edges: half a pixel in each frame.
    matrix = np.array(
        [
            [column_scale, 0.0, column_offset + (left + 0.5) * column_scale - 0.5],
            [0.0, row_scale, row_offset + (top + 0.5) * row_scale - 0.5],
        ]
    )
    result = np.zeros(geometry.source_size, dtype=np.float32)
    result[crop] = cv2.warpAffine(
        np.ascontiguousarray(values, dtype=np.float32),
        matrix,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return result


def _lies_in(mask: Mask, geometry: Geometry) -> Mask:
    """`mask` of the source as the prepared image sees it."""
    return np.asarray(resample(mask, geometry), dtype=np.bool_)


def _ground(pixels: Pixels, mask: Mask) -> float:
    """The grey around the breast: 0 in most digital images, more in films and turned images."""
    outside = pixels[::8, ::8][~mask[::8, ::8]]
    return float(np.median(outside)) if outside.size else 0.0


def _notes_on_layout(mask: Mask, geometry: Geometry, settings: PrepareSettings) -> list[str]:
    notes = []
    crop = geometry.crop
    if mask.all():
        notes.append("No outline of the breast was found: the whole frame is used, as it lies.")
    elif settings.crop == "breast":
        notes.append(
            f"Cropped to the breast: columns {crop.x0:.0f} to {crop.x1:.0f}, "
            f"rows {crop.y0:.0f} to {crop.y1:.0f}."
        )
    if geometry.is_flipped:
        notes.append("Mirrored, so that the chest wall is at the left.")
    if settings.is_square_first:
        side = settings.square_side
        of_pixels = f" of {side} x {side} pixels" if side else ""
        notes.append(f"The whole frame stretched to a square{of_pixels} first.")
    how = "stretched" if settings.fit == "stretch" else "aspect ratio kept, padded"
    notes.append(
        f"Scaled to {settings.size[0]} x {settings.size[1]} ({how}): "
        f"{geometry.scale[0]:.3f} of the height, {geometry.scale[1]:.3f} of the width."
    )
    return notes


def _toned(
    pixels: Pixels, inside: Mask, settings: PrepareSettings
) -> tuple[Pixels, tuple[str, ...]]:
    """Grey values as the settings want them, with a note on each step."""
    notes = []
    if settings.percentiles:
        low, high = np.percentile(pixels[inside] if inside.any() else pixels, settings.percentiles)
        if high > low:
            pixels = stretch(pixels, float(low), float(high))
            notes.append(f"Grey values {low:.3f} to {high:.3f} of the breast stretched to 0 to 1.")
        else:
            notes.append("The breast has a single grey value, so nothing was stretched.")
    if settings.has_clahe:
        pixels = equalise(pixels)
        notes.append("Contrast evened out locally (CLAHE).")
    if settings.filter != "none":
        pixels = apply_filter(pixels, settings.filter)
        notes.append(f"Filtered: {settings.filter}, 3 x 3.")
    return pixels, tuple(notes)


_TISSUE_PERCENTILES: Final = (1.0, 99.8)
_MOST_BITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DisplayImage:
    """What the viewer needs of a mammogram. Lengths are those of `pixels`."""

    pixels: NDArray[np.uint16]
    windows: tuple[Window, ...]  # in units of `pixels`; the first is the one to show
    reduction: float  # original pixels per pixel, the same along both axes
    spacing_mm: float | None  # None also where pixels are not square
    is_spacing_at_detector: bool
    breast: Box  # in pixels of `pixels`
    chest_wall: Literal["left", "right"]


def to_pane(mammogram: Mammogram, *, longest: int) -> DisplayImage:
    """`mammogram` at most `longest` pixels a side, each the mean of the pixels it covers."""
    reduction = max(1.0, max(mammogram.size) / longest)
    height, width = (max(1, round(side / reduction)) for side in mammogram.size)
    shown = np.asarray(_reduced(mammogram.pixels, height, width), dtype=np.float32)
    pixels = _grey_values(mammogram, shown)
    mask = find_breast(shown)
    return DisplayImage(
        pixels=pixels,
        windows=(*_own_windows(mammogram), *_measured_windows(pixels, mask)),
        reduction=reduction,
        spacing_mm=_square_spacing(mammogram, reduction),
        is_spacing_at_detector=mammogram.info.is_spacing_at_detector,
        breast=box_of(mask),
        chest_wall="right" if is_chest_wall_right(mask) else "left",
    )


def grey_values(mammogram: Mammogram) -> NDArray[np.uint16]:
    """Every pixel in the units of `to_pane`: what the file stores, or the grey read of it."""
    return _grey_values(mammogram, mammogram.pixels)


def to_heat(
    values: Pixels, geometry: Geometry, *, longest: int, offset: float = 0.0
) -> NDArray[np.uint8]:
    """A map over the prepared frame, laid onto the source frame for the eye: 255 is full colour.

    A cell looks `offset` prepared pixels down and right of its tile's middle. Made at `longest`
    pixels a side, not at the source's: the map has far fewer cells than either.
    """
    reduction = max(1.0, max(geometry.source_size) / longest)
    height, width = (max(1, round(side / reduction)) for side in geometry.source_size)
    small = _seen_from((height, width), geometry)
    shifted = (small.offset[0] - offset, small.offset[1] - offset)
    heat = restore_map(np.clip(values, 0.0, 1.0), replace(small, offset=shifted))
    return np.asarray(np.rint(heat * 255), dtype=np.uint8)


def _grey_values(mammogram: Mammogram, shown: Pixels) -> NDArray[np.uint16]:
    """The values from before windowing, as reduced as what is `shown`; where none were kept, that
    in its own depth.
    """
    if mammogram.wide is not None:
        return np.asarray(_reduced(mammogram.wide, *shown.shape), dtype=np.uint16)
    top = 2 ** min(mammogram.info.bits, _MOST_BITS) - 1
    return np.asarray(np.rint(shown * np.float32(top)), dtype=np.uint16)


def _reduced(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    if values.shape == (height, width):
        return values
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA))


def _own_windows(mammogram: Mammogram) -> tuple[Window, ...]:
    """The file's windows hold for `wide` alone."""
    return mammogram.windows if mammogram.wide is not None else ()


def _measured_windows(pixels: NDArray[np.uint16], mask: Mask) -> tuple[Window, ...]:
    """The whole range, and the range of the breast's own grey values."""
    low, high = float(pixels.min()), float(pixels.max())
    dark, bright = (float(value) for value in np.percentile(pixels[mask], _TISSUE_PERCENTILES))
    return (
        Window(name="Whole range", low=low, high=max(high, low + 1)),
        Window(name="Tissue", low=dark, high=max(bright, dark + 1)),
    )


def _square_spacing(mammogram: Mammogram, reduction: float) -> float | None:
    if mammogram.info.spacing_mm is None:
        return None
    down, across = mammogram.info.spacing_mm
    return down * reduction if abs(down - across) <= 0.01 * down else None
