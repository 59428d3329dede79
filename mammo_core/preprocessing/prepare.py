"""From a mammogram to what a model sees, and back.

One `prepare` serves training and reading. Its one affine step (crop, mirror, scale, pad) is kept
in `Geometry`, so that a heatmap or a box finds its way back onto the source. Filters and CLAHE work
on the prepared size: there a 3 x 3 kernel is something the model can see.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.breast import Mask, add_room, find_breast
from mammo_core.preprocessing.filters import apply_filter
from mammo_core.preprocessing.intensity import Levels, equalise, normalise, stretch, to_levels
from mammo_core.preprocessing.layout import lay_out, resample, slices_of
from mammo_core.types import Box, Geometry, Mammogram, Pixels, Prepared


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedGrey:
    """A prepared image before mean and std: whole grey levels, (height, width). Caches keep it."""

    levels: Levels
    geometry: Geometry
    notes: tuple[str, ...] = ()


def prepare(mammogram: Mammogram, settings: PrepareSettings) -> Prepared:
    """`mammogram` as a model with `settings` sees it; `notes` says what was done."""
    grey = prepare_grey(mammogram, settings)
    return Prepared(
        pixels=normalise(grey.levels, mean=settings.mean, std=settings.std),
        geometry=grey.geometry,
        notes=grey.notes,
    )


def prepare_grey(mammogram: Mammogram, settings: PrepareSettings) -> PreparedGrey:
    """Everything `prepare` does but mean and std, which cost nothing and differ per backbone."""
    mask = find_breast(mammogram.pixels)
    geometry = lay_out(mask, settings)
    notes = _notes_on_layout(mask, geometry, settings)
    pixels = resample(mammogram.pixels, geometry)
    inside = _lies_in(mask, geometry)
    if settings.is_masked and not mask.all():
        ground = _ground(mammogram.pixels, mask)
        near = np.where(_lies_in(add_room(mask), geometry), pixels - ground, 0.0)
        pixels = np.where(inside, pixels, np.maximum(near, 0.0)).astype(np.float32)
        notes.append(
            f"Letters and all else outside the breast made background (grey: {ground:.3f})."
        )
    pixels, tone_notes = _toned(pixels, inside, settings)
    return PreparedGrey(
        levels=to_levels(pixels, mammogram.bits),
        geometry=geometry,
        notes=(*notes, *tone_notes),
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
    return np.asarray(resample(mask.view(np.uint8) * np.uint8(255), geometry) > 127, dtype=np.bool_)


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
        notes.append("The whole frame stretched to a square first.")
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
