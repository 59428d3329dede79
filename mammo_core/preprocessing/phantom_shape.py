"""The outer shape of a synthetic breast: skin, nipple and pectoral muscle, in each view.

Lengths are millimetres. The frame is that of a left breast: chest wall at the left, outer (CC) or
upper (MLO) side at the top. Both views share the depth axis, so what lies some way behind the
nipple in one view lies as far behind it in the other.
"""

from dataclasses import astuple, dataclass
from typing import Final

import cv2
import numpy as np

from mammo_core.types import Pixels, Size, View

FIELD_MM: Final = (240.0, 120.0)  # height and width of what a frame shows at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A breast under compression."""

    depth: float  # chest wall to skin behind the nipple
    half_width: float  # along the chest wall
    bluntness: float  # exponent of the outline: 2 is an ellipse
    lopsidedness: float  # how much longer its outer and upper half is
    axilla: float  # how far the skin stands from the chest wall at the top of the MLO
    belly: float  # the same below the breast
    muscle_width: float  # of the pectoral muscle at the top of the MLO
    muscle_length: float  # down the chest wall
    muscle_bend: float  # 1 is a straight edge
    nipple_height: float
    nipple_width: float
    wobble: float  # unevenness of the outline


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a view of a breast lies in its image."""

    view: View
    size: Size
    mm: float  # per pixel
    nipple_row: float  # millimetres from the top

    def axes(self) -> tuple[Pixels, Pixels]:
        """Millimetres from the top, one per row, and from the chest wall, one per column."""
        rows = (np.arange(self.size[0], dtype=np.float32) + 0.5) * np.float32(self.mm)
        columns = (np.arange(self.size[1], dtype=np.float32) + 0.5) * np.float32(self.mm)
        return rows[:, None], columns[None, :]


def draw_shape(rng: np.random.Generator) -> Shape:
    largeness = rng.normal(0, 1)  # a breast that is deep is wide as well
    depth = float(np.clip(83 + 11 * largeness + rng.normal(0, 5), 55, 106))
    axilla = depth * float(rng.uniform(0.42, 0.62))
    return Shape(
        depth=depth,
        half_width=float(np.clip(74 + 8 * largeness + rng.normal(0, 4), 52, 94)),
        bluntness=float(rng.uniform(1.75, 2.3)),
        lopsidedness=float(rng.uniform(0.0, 0.12)),
        axilla=axilla,
        belly=float(rng.uniform(3, 11)),
        muscle_width=axilla * float(rng.uniform(0.6, 0.84)),
        muscle_length=float(rng.uniform(90, 150)),
        muscle_bend=float(rng.uniform(0.9, 1.5)),
        nipple_height=float(rng.choice([0.5, 2.5, 4.5]) * rng.uniform(0.8, 1.2)),
        nipple_width=float(rng.uniform(5.0, 7.0)),
        wobble=1.0,
    )


def vary_shape(shape: Shape, rng: np.random.Generator) -> Shape:
    """The same breast once more, a few per cent off: another side, another compression."""
    factors = np.clip(rng.normal(1, 0.02, len(astuple(shape))), 0.95, 1.05)
    names = shape.__dataclass_fields__
    return Shape(**dict(zip(names, np.multiply(astuple(shape), factors).tolist(), strict=True)))


def place(view: View, size: Size, rng: np.random.Generator) -> Frame:
    """Lay the breast into an image that shows at least `FIELD_MM`."""
    mm = max(FIELD_MM[0] / size[0], FIELD_MM[1] / size[1])
    middle = 0.5 if view is View.CC else 0.6
    shift = float(np.clip(rng.normal(0, 5), -10, 10))
    return Frame(view=view, size=size, mm=mm, nipple_row=size[0] * mm * middle + shift)


def depth_below_skin(shape: Shape, frame: Frame, rng: np.random.Generator) -> Pixels:
    """Millimetres from the skin inwards; 0 on the skin, negative outside the breast."""
    rows, columns = frame.axes()
    skin = _skin(shape, frame, rows[:, 0])
    skin += shape.wobble * _unevenness(rows[:, 0], rng) * np.clip(skin / 40, 0, 0.8)
    inside = (columns < skin[:, None]).astype(np.uint8)
    distance: Pixels = cv2.distanceTransform(inside, cv2.DIST_L2, 5) * np.float32(frame.mm)
    # Whole pixels would make the skin a staircase: close to it, measure on the outline itself.
    slope = np.gradient(skin, frame.mm)
    exact = (skin[:, None] - columns) / np.sqrt(1 + slope**2)[:, None]
    near = np.clip(2 - distance / (2 * frame.mm), 0, 1)
    return np.where(inside > 0, near * np.minimum(exact, distance) + (1 - near) * distance, exact)


def muscle_depth(shape: Shape, frame: Frame) -> Pixels:
    """Millimetres from the pectoral muscle's edge inwards; negative outside it."""
    if frame.view is View.CC:
        return np.full(frame.size, -1000, np.float32)
    rows, columns = frame.axes()
    edge = shape.muscle_width * (1 - (rows / shape.muscle_length) ** shape.muscle_bend)
    steepness = shape.muscle_length / np.hypot(shape.muscle_length, shape.muscle_width)
    return np.asarray((edge - columns) * steepness, np.float32)


def _skin(shape: Shape, frame: Frame, rows: Pixels) -> Pixels:
    """How far the skin stands from the chest wall at each row."""
    above = (frame.nipple_row - rows) / shape.half_width
    upper = np.maximum(above, 0) / (1 + shape.lopsidedness)
    lower = np.maximum(-above, 0) / (1 - shape.lopsidedness)
    if frame.view is View.CC:
        skin = _bulge(upper + lower, shape)
    else:
        body = _bulge(upper / 1.3 + lower / 0.95, shape)
        # Where breast and armpit meet lies the fold seen on most MLO views.
        armpit = shape.axilla - 70 * np.maximum(0.8 - above, 0) + 6 * np.maximum(above - 1.2, 0)
        below = np.maximum(-above - 0.9, 0)
        belly = shape.belly * (1.3 - np.exp(-3 * below)) - 60 * np.maximum(above + 0.9, 0)
        skin = _soft_maximum(_soft_maximum(body, armpit, softness=4.0), belly, softness=2.0)
        skin = np.minimum(skin, np.maximum(shape.depth, armpit))
    bump = np.exp(-(np.abs((rows - frame.nipple_row) / shape.nipple_width) ** 2.5))
    return np.asarray(skin + shape.nipple_height * bump, np.float32)


def _bulge(distance: Pixels, shape: Shape) -> Pixels:
    return np.asarray(shape.depth * np.clip(1 - distance**shape.bluntness, 0, None) ** 0.62)


def _soft_maximum(one: Pixels, other: Pixels, *, softness: float) -> Pixels:
    return np.asarray(softness * np.logaddexp(one / softness, other / softness))


def _unevenness(rows: Pixels, rng: np.random.Generator) -> Pixels:
    """A slow wave of about a millimetre along the outline."""
    lengths, phases = rng.uniform(45, 140, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * rows[:, None] / lengths + phases)
    return np.asarray(waves.sum(axis=1), np.float32)
