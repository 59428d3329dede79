"""Lesions looked for in whole images by a network that has learnt patches of them.

Its convolutions run over the whole image once. What its last layers say of a patch, they then say
of every window of the feature map that is as large as a patch: a map of the probability that a
lesion lies there. Where it peaks, marks are set.

A smaller window tells better where, from less. One as large as a patch is not quite a patch cut
out: at the edge of a patch its convolutions see nothing, in a window they see the tissue around it.
Cells that look no further than the patch say the same.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mammo_core.config import PrepareSettings
from mammo_core.errors import CheckpointError
from mammo_core.explain.cells import cells_of, shares_in_cells
from mammo_core.explain.closed_form import Head, logits_of
from mammo_core.explain.drawn import DrawnMap, draw
from mammo_core.explain.heads import head_of
from mammo_core.inference.checkpoint import Checkpoint, forward, load_patch_model
from mammo_core.preprocessing.breast import breast_of, find_tissue
from mammo_core.preprocessing.intensity import as_seen
from mammo_core.preprocessing.prepare import place_box, prepare_grey, restore_box
from mammo_core.reading import Looking, Mark
from mammo_core.scores import DECIMALS, probabilities_of
from mammo_core.types import Box, Geometry, Mammogram, Size

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionFinder:
    """A network of patches, ready to look at whole images."""

    checkpoint: Checkpoint
    head: Head
    stride: int  # prepared pixels from one cell of the feature map to the next
    window: int  # cells along the side of what is judged at once
    spacing: int  # prepared pixels from one place of the map to the next ...
    apart: float  # ... and between marks

    @property
    def side(self) -> int:
        """Of a window, in prepared pixels."""
        return self.stride * self.window

    @property
    def settings(self) -> PrepareSettings:
        return self.checkpoint.card.prepare


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundLesions:
    """What was found in one image. `evidence` has a cell for every `spacing` prepared pixels: the
    probability that a patch around its middle holds a lesion. `geometry` is laid for its frame,
    which may reach beyond the prepared image by less than a cell.
    """

    marks: tuple[Mark, ...]  # the surest first
    evidence: Map
    geometry: Geometry
    drawn: DrawnMap


def open_finder(folder: Path, looking: Looking, *, device: str = "cpu") -> LesionFinder:
    """The lesion finder in `folder`, or a CheckpointError that says why it is none."""
    return make_finder(load_patch_model(folder, device=device), looking)


def make_finder(checkpoint: Checkpoint, looking: Looking) -> LesionFinder:
    name, patches = checkpoint.card.model_id, checkpoint.card.patches
    assert patches is not None
    head = head_of(checkpoint.model, channels=checkpoint.card.prepare.channels)
    if not isinstance(head, Head) or checkpoint.model.has_attention:
        raise CheckpointError(
            f"{name} cannot be run over a whole image: only convolutions that end in a pooling and "
            "one linear layer say the same of a window as of a patch."
        )
    cells = _cells_along(checkpoint, patches.size)
    stride = patches.size // cells
    if cells * stride != patches.size or _cells_along(checkpoint, 2 * patches.size) != 2 * cells:
        raise CheckpointError(
            f"{name} cannot be run over a whole image: its patches of {patches.size} pixels are no "
            f"whole number of the cells of its feature map ({cells} along a side). Train it with "
            "another patches.size."
        )
    if looking.spacing % 2 or looking.spacing < 2 or stride % looking.spacing:
        raise CheckpointError(
            f"Places {looking.spacing} pixels apart do not fit {name}: its cells are {stride} "
            f"pixels wide. Choose an even number that divides {stride}."
        )
    if not (math.isfinite(looking.apart) and looking.apart >= 0.0):
        raise CheckpointError(
            f"Marks cannot lie {looking.apart:g} patches apart. Choose a number from 0 on, as 0.5."
        )
    if not 0 <= looking.window <= cells:
        raise CheckpointError(
            f"A window of {looking.window} cells is none of {name}: its patches have {cells} along "
            f"a side. Choose 1 to {cells}."
        )
    return LesionFinder(
        checkpoint=checkpoint,
        head=head,
        stride=stride,
        window=looking.window or cells,
        spacing=looking.spacing,
        apart=looking.apart * patches.size,
    )


def find_lesions(finder: LesionFinder, mammogram: Mammogram) -> FoundLesions:
    """Map and marks of one image. Marks lie in the tissue, where patches were learnt from."""
    grey = prepare_grey(mammogram, finder.settings)
    pixels = as_seen(grey.levels, finder.settings)
    evidence = lesion_map(finder, pixels)
    rows, columns = (side * finder.spacing for side in evidence.shape)
    tissue = find_tissue(grey.levels.astype(np.uint16))
    inside = shares_in_cells(tissue, cells_of(evidence.shape, (rows, columns), 0.0)) > 0.0
    seen = np.where(inside, evidence, np.float32(0.0))
    geometry = replace(grey.geometry, prepared_size=(rows, columns))
    return FoundLesions(
        marks=marks_of(seen, grey.geometry, spacing=finder.spacing, apart=finder.apart),
        evidence=seen,
        geometry=geometry,
        drawn=draw(seen, geometry, breast_of(mammogram.pixels)),
    )


def lesion_map(finder: LesionFinder, pixels: NDArray[np.float32]) -> Map:
    """Of a prepared image (channels, height, width): the probability of a lesion in the patch
    around each place, (rows, columns). Beyond the image lies background, as in training.
    """
    spacing, stride = finder.spacing, finder.stride
    rows, columns = (-(-side // spacing) for side in pixels.shape[1:])
    steps = stride // spacing  # looks per cell along each axis
    count = [-(-places // steps) for places in (rows, columns)]  # windows of one look
    height, width = ((number - 1) * stride + finder.side for number in count)
    frame = _on_background(finder, pixels, (height + stride, width + stride))
    found = np.zeros((count[0] * steps, count[1] * steps), dtype=np.float32)
    for down in range(steps):
        for across in range(steps):
            y, x = (spacing // 2 + spacing * step for step in (down, across))
            look = frame[:, y : y + height, x : x + width]
            found[down::steps, across::steps] = _windows(finder, look)
    return found[:rows, :columns]


def marks_of(evidence: Map, geometry: Geometry, *, spacing: int, apart: float) -> tuple[Mark, ...]:
    """The peaks of a map as marks in the source image, the surest first. Within `apart` prepared
    pixels of a mark no other is set, and none where the map is 0.
    """
    values = np.round(np.ascontiguousarray(evidence, dtype=np.float32), DECIMALS)
    framed = np.pad(values, 1, constant_values=-np.inf)
    around = sliding_window_view(framed, (3, 3)).max(axis=(2, 3))
    peaks = np.argwhere((values >= around) & (values > 0.0))
    kept: list[tuple[int, int]] = []
    for row, column in sorted(peaks.tolist(), key=lambda at: -values[at[0], at[1]]):
        if all(np.hypot(row - r, column - c) * spacing > apart for r, c in kept):
            kept.append((row, column))
    return tuple(_mark(at, float(values[at]), geometry, spacing) for at in kept)


def _on_background(finder: LesionFinder, pixels: NDArray[np.float32], size: Size) -> Map:
    """The image with half a window of background above and left of it, and what is left beyond."""
    settings, half = finder.settings, finder.side // 2
    black = as_seen(np.zeros(size, dtype=np.uint8), settings)
    black[:, half : half + pixels.shape[1], half : half + pixels.shape[2]] = pixels
    return black


def _windows(finder: LesionFinder, look: NDArray[np.float32]) -> Map:
    """What the network says of every window of a look, one per cell that begins one."""
    feature_map = forward(finder.checkpoint.model, look[None]).feature_map[0]
    side = (finder.window, finder.window)
    windows = np.moveaxis(sliding_window_view(feature_map, side, axis=(1, 2)), 0, 2)
    shape = windows.shape[:2]
    logits = logits_of(finder.head, windows.reshape(-1, *windows.shape[2:]))
    shares = probabilities_of(logits.astype(np.float32))
    lesion: Map = shares[:, 1:].sum(axis=1).reshape(shape).astype(np.float32)  # 0 is tissue
    return lesion


def _cells_along(checkpoint: Checkpoint, side: int) -> int:
    blank = np.zeros((1, checkpoint.card.prepare.channels, side, side), dtype=np.float32)
    return int(forward(checkpoint.model, blank).feature_map.shape[2])


def widened(box: Box, geometry: Geometry, by: float) -> Box:
    """A box of the source, wider by so many prepared pixels on each side."""
    placed = place_box(box, geometry)
    wide = Box(x0=placed.x0 - by, y0=placed.y0 - by, x1=placed.x1 + by, y1=placed.y1 + by)
    return restore_box(wide, geometry)


def _mark(at: tuple[int, int], score: float, geometry: Geometry, spacing: int) -> Mark:
    y, x = (spacing * (place + 0.5) for place in at)
    point = restore_box(Box(x0=x, y0=y, x1=x, y1=y), geometry)
    return Mark(x=point.x0, y=point.y0, score=round(score, DECIMALS))
